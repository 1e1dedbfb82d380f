import { createHash } from 'node:crypto';
import type { ErrorReport, RamBlock } from '@multifd/core';

/** One block's content in short. */
export interface BlockDigest {
  readonly name: string;
  /** Bytes. */
  readonly length: number;
  /** Lower-case hex. */
  readonly sha256: string;
}

/** What the digest thread says. A thread's own `error` event would lose of which kind the error is. */
export type DigestAnswer = { readonly digests: readonly BlockDigest[] } | { readonly error: ErrorReport };

/** Bytes looked at in one step. Divides every window. */
const STEP = 2 ** 20;
const INDEX_SIZE = 8;

/**
 * SHA-256 of a block's name and length and of every page that is not zero, each behind its number: equal digests
 * mean that every byte is equal. Zero pages are found by comparing with zeros, never by an accelerator, whose
 * mistake would then be made on both sides and not be seen.
 */
export function digestBlock(block: RamBlock, pageSize: number): BlockDigest {
  const hash = createHash('sha256');
  const head = Buffer.alloc(INDEX_SIZE);
  head.writeBigUInt64LE(BigInt(block.length));
  hash.update(`${block.name}\0`).update(head);

  const zeros = new Uint8Array(pageSize);
  const scratch = new Uint8Array(STEP);
  const staging = Buffer.alloc((STEP / pageSize) * (INDEX_SIZE + pageSize));
  for (let offset = 0; offset < block.length; ) {
    const wanted = Math.min(STEP - (offset % STEP), block.length - offset);
    const known = block.absent(offset, wanted);
    if (known > 0) {
      offset += known;
      continue;
    }
    const bytes = block.read(offset, -known, scratch);
    const size = stage(staging, bytes, offset / pageSize, zeros);
    if (size > 0) hash.update(staging.subarray(0, size));
    offset += bytes.length;
  }
  return { name: block.name, length: block.length, sha256: hash.digest('hex') };
}

/** Copies the pages of `bytes` that are not zero into `staging`, each behind its number; gives the size. */
function stage(staging: Buffer, bytes: Uint8Array, firstPage: number, zeros: Uint8Array): number {
  let size = 0;
  for (let at = 0, page = firstPage; at < bytes.length; at += zeros.length, page++) {
    const content = bytes.subarray(at, at + zeros.length);
    if (Buffer.compare(content, zeros) === 0) continue;
    staging.writeUInt32LE(page % 2 ** 32, size);
    staging.writeUInt32LE(Math.floor(page / 2 ** 32), size + 4);
    staging.set(content, size + INDEX_SIZE);
    size += INDEX_SIZE + zeros.length;
  }
  return size;
}

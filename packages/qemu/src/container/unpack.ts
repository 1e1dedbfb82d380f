import {
  closeSync,
  createReadStream,
  ftruncateSync,
  mkdtempSync,
  openSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
// Whole: a Node without zstd would say that it lacks a name, in place of `checkVersion`.
import zlib from 'node:zlib';
import { MultifdError } from '@multifd/core';
import { FileSource } from '../stream/byte-source.js';
import type { Compression } from './locate.js';

/** Most bytes that come out of a file: a small one can hold any number. */
export const MAX_UNPACKED = 64 * 2 ** 30;
/** Zeros become holes in pieces of this size. */
const PIECE = 4096;
const ZEROS = Buffer.alloc(PIECE);

/**
 * Unpacks what stands in a file from `offset` on into a temporary file without a name, whose zeros take no space: the
 * system takes it back when it is closed, however this process ends.
 * @param limit bytes.
 * @throws MultifdError `usage` for data that is damaged, cut or more than `limit`; `io`, as for a full disk.
 */
export async function unpack(
  path: string,
  compression: Compression,
  offset: number,
  limit = MAX_UNPACKED,
): Promise<FileSource> {
  const fd = openNameless();
  try {
    const writer = new SparseWriter(fd, path, limit);
    const unpacking = compression === 'gzip' ? zlib.createGunzip() : zlib.createZstdDecompress();
    await pipeline(createReadStream(path, { start: offset }), unpacking, async (chunks) => {
      for await (const chunk of chunks) writer.write(chunk);
    });
    writer.end();
    return FileSource.ofDescriptor(`${path} (unpacked)`, fd);
  } catch (cause) {
    closeSync(fd);
    throw failure(path, compression, cause);
  }
}

function openNameless(): number {
  const folder = mkdtempSync(join(tmpdir(), 'multifd-inspect-'));
  try {
    return openSync(join(folder, 'stream'), 'wx+', 0o600);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

class SparseWriter {
  readonly #fd: number;
  readonly #path: string;
  readonly #limit: number;
  #size = 0;

  constructor(fd: number, path: string, limit: number) {
    this.#fd = fd;
    this.#path = path;
    this.#limit = limit;
  }

  write(chunk: Buffer): void {
    if (this.#size + chunk.length > this.#limit) {
      throw new MultifdError('usage', `${this.#path}: it unpacks to more than ${this.#limit} bytes`, {
        hint: 'if you trust it, unpack it yourself and inspect the result',
      });
    }
    for (let at = 0; at < chunk.length; at += PIECE) {
      const piece = chunk.subarray(at, at + PIECE);
      if (!piece.equals(ZEROS.subarray(0, piece.length))) this.#put(piece, this.#size + at);
    }
    this.#size += chunk.length;
  }

  /** A hole at the end needs its length. */
  end(): void {
    ftruncateSync(this.#fd, this.#size);
  }

  #put(piece: Buffer, position: number): void {
    for (let done = 0; done < piece.length; )
      done += writeSync(this.#fd, piece, done, piece.length - done, position + done);
  }
}

function failure(path: string, compression: Compression, cause: unknown): MultifdError {
  if (MultifdError.is(cause)) return cause;
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  const message = cause instanceof Error ? cause.message : String(cause);
  // What zlib and zstd say of their input; everything else is the file system's.
  if (/^(Z_|ZSTD_|ERR_)/.test(code)) {
    return new MultifdError('usage', `${path}: its ${compression} data cannot be unpacked: ${message}`, {
      cause,
      hint: `is ${path} complete? check it with ${compression} -t`,
    });
  }
  return new MultifdError('io', `${path} cannot be unpacked in ${tmpdir()}: ${message}`, {
    cause,
    hint: 'set TMPDIR to a directory with enough room, or unpack it yourself',
  });
}

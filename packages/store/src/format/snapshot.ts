import type { RawDeviceState } from '@multifd/core';
import { damaged, otherVersion } from './damage.js';
import { digest, hex, isSame } from './hash.js';
import { formatHead, parseHead, type SnapshotHead } from './head.js';
import {
  CHUNK_SIZE,
  FORMAT_VERSION,
  HASH_SIZE,
  HEADER_SIZE,
  LONGEST_HEAD,
  RUN_SIZE,
  SNAPSHOT_MAGIC,
} from './layout.js';
import { ChunkRuns } from './runs.js';

/** A snapshot, as its file has it. */
export interface Snapshot {
  /** SHA-256 of the file's bytes up to it, in hex. */
  readonly id: string;
  readonly head: SnapshotHead;
  /** Ids of the packs that it needs. */
  readonly packs: readonly string[];
  /** In the order of `head.blocks`. */
  readonly runs: readonly ChunkRuns[];
  readonly devices: RawDeviceState;
}

/** What `encodeSnapshot` is given: counts and lengths come from the parts. */
export interface SnapshotParts {
  readonly head: Omit<SnapshotHead, 'blocks' | 'packs' | 'devices' | 'chunkSize'>;
  readonly blocks: readonly { readonly name: string; readonly size: number; readonly runs: Uint8Array }[];
  readonly packs: readonly string[];
  readonly devices: RawDeviceState;
  readonly described: boolean;
}

export interface EncodedSnapshot {
  readonly id: string;
  readonly bytes: Uint8Array;
}

export function encodeSnapshot({ head, blocks, packs, devices, described }: SnapshotParts): EncodedSnapshot {
  const beforeRam = devices.beforeRam ?? new Uint8Array(0);
  const text = formatHead({
    ...head,
    chunkSize: CHUNK_SIZE,
    blocks: blocks.map(({ name, size, runs }) => ({ name, size, runs: runs.length / RUN_SIZE })),
    packs: packs.length,
    devices: {
      beforeRam: beforeRam.length,
      early: devices.early.length,
      rest: devices.bytes.length,
      described,
    },
  });
  const header = Buffer.alloc(HEADER_SIZE);
  header.set(SNAPSHOT_MAGIC);
  header.writeUInt32BE(FORMAT_VERSION, 8);
  header.writeUInt32BE(text.length, 12);
  const content = Buffer.concat([
    header,
    text,
    ...packs.map((id) => Buffer.from(id, 'hex')),
    ...blocks.map(({ runs }) => runs),
    beforeRam,
    devices.early,
    devices.bytes,
  ]);
  const hash = digest(content);
  return { id: hex(hash), bytes: Buffer.concat([content, hash]) };
}

/** Bytes at the beginning of a snapshot in which its head is. */
export const LONGEST_BEGIN = HEADER_SIZE + LONGEST_HEAD;

/**
 * @param begin its first bytes, `LONGEST_BEGIN` or all of them.
 * @param size bytes of the object.
 * @param what names it for messages.
 * @throws MultifdError `protocol` if its head announces another size, so that nobody reads for nothing what is that large;
 * `incompatible` for another version.
 */
export function checkSnapshotSize(begin: Uint8Array, size: number, what: string): void {
  const length = headLength(begin, size, what);
  const { packs, blocks, devices } = headOf(begin, length, what);
  const runs = blocks.reduce((sum, block) => sum + block.runs, 0);
  const { beforeRam, early, rest } = devices;
  const behind = packs * HASH_SIZE + runs * RUN_SIZE + beforeRam + early + rest + HASH_SIZE;
  const announced = HEADER_SIZE + length + behind;
  if (announced !== size) throw damaged(what, `it has ${size} bytes, and its head announces ${announced}`);
}

/** Bytes of the head. @param size of the object, of which the first bytes are given. */
function headLength(begin: Uint8Array, size: number, what: string): number {
  if (begin.length < HEADER_SIZE || size < HEADER_SIZE + HASH_SIZE)
    throw damaged(what, 'it is shorter than a header');
  if (!isSame(begin.subarray(0, 8), SNAPSHOT_MAGIC))
    throw damaged(what, 'it does not begin as a snapshot does');
  const buffer = bufferOf(begin);
  const version = buffer.readUInt32BE(8);
  if (version !== FORMAT_VERSION) throw otherVersion(what, version, FORMAT_VERSION);
  const length = buffer.readUInt32BE(12);
  if (length > LONGEST_HEAD || HEADER_SIZE + length > size - HASH_SIZE)
    throw damaged(what, `a head of ${length} bytes`);
  return length;
}

function headOf(begin: Uint8Array, length: number, what: string): SnapshotHead {
  return parseHead(bufferOf(begin).toString('utf8', HEADER_SIZE, HEADER_SIZE + length), what);
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/**
 * @param what names it for messages.
 * @throws MultifdError `protocol` for bytes that are not as `encodeSnapshot` has them; `incompatible` for another version.
 */
export function parseSnapshot(bytes: Uint8Array, what: string): Snapshot {
  const length = headLength(bytes, bytes.length, what);
  const end = bytes.length - HASH_SIZE;
  const hash = digest(bytes.subarray(0, end));
  if (!isSame(hash, bytes.subarray(end)))
    throw damaged(what, 'its bytes have not the hash that it ends with');
  const head = headOf(bytes, length, what);
  const rest = new Parts(bytes.subarray(HEADER_SIZE + length, end), what);
  const { devices } = head;
  const table = rest.take(head.packs * HASH_SIZE);
  const runs = head.blocks.map(({ name, size, runs }) => {
    const part = rest.take(runs * RUN_SIZE);
    return ChunkRuns.parse(part, Math.ceil(size / CHUNK_SIZE), head.packs, `${what}: RAM block ${name}`);
  });
  const [beforeRam, early, others] = [devices.beforeRam, devices.early, devices.rest].map((n) =>
    rest.take(n),
  );
  rest.end();
  return {
    id: hex(hash),
    head,
    packs: Array.from({ length: head.packs }, (_, index) =>
      hex(table.subarray(index * HASH_SIZE, (index + 1) * HASH_SIZE)),
    ),
    runs,
    devices: {
      ...(beforeRam === undefined || beforeRam.length === 0 ? {} : { beforeRam }),
      early: early ?? new Uint8Array(0),
      bytes: others ?? new Uint8Array(0),
    },
  };
}

/** The parts behind the head, one after the other: none is longer than what there is. */
class Parts {
  readonly #bytes: Uint8Array;
  readonly #what: string;
  #at = 0;

  constructor(bytes: Uint8Array, what: string) {
    this.#bytes = bytes;
    this.#what = what;
  }

  take(length: number): Uint8Array {
    if (length > this.#bytes.length - this.#at)
      throw damaged(
        this.#what,
        `its head announces ${length} bytes, and ${this.#bytes.length - this.#at} are left`,
      );
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  end(): void {
    const left = this.#bytes.length - this.#at;
    if (left > 0) throw damaged(this.#what, `${left} bytes more than its head announces`);
  }
}

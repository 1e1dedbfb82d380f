import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { damaged } from '../format/damage.js';
import { CHUNK_SIZE, HEADER_SIZE } from '../format/layout.js';
import { packKey } from '../format/names.js';
import { type ChunkPlace, indexSize, PackIndex, packCount } from '../format/pack-index.js';
import { codeOf, storeError } from '../objects/disk-error.js';

/** Packs that a thread has open. Their indexes have 25 KiB on average. */
const MOST_OPEN = 64;
/** Bytes that are read with the header: most indexes are shorter. */
const FIRST = 64 * 1024;

interface OpenPack {
  readonly fd: number;
  readonly index: PackIndex;
  readonly what: string;
}

/** A store's packs, read by one thread, which waits for the disk. */
export class DiskPacks {
  readonly #directory: string;
  /** The one that was used last is the last. */
  readonly #open = new Map<string, OpenPack>();

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** @throws MultifdError `protocol` if there is no such pack or chunk; `io`. */
  place(id: string, chunk: number): ChunkPlace {
    const { index, what } = this.#pack(id);
    if (chunk >= index.count) throw damaged(what, `chunk ${chunk} of ${index.count} is asked for`);
    return index.place(chunk);
  }

  /** Fills `into` with a pack's bytes from `offset` on. */
  read(id: string, offset: number, into: Uint8Array): void {
    const { fd, what } = this.#pack(id);
    readExactly(fd, into, offset, what);
  }

  close(): void {
    for (const { fd } of this.#open.values()) closeSync(fd);
    this.#open.clear();
  }

  #pack(id: string): OpenPack {
    const found = this.#open.get(id);
    if (found !== undefined) {
      this.#open.delete(id);
      this.#open.set(id, found);
      return found;
    }
    const pack = openPack(this.#directory, id);
    this.#open.set(id, pack);
    for (const [oldest, { fd }] of this.#open) {
      if (this.#open.size <= MOST_OPEN) break;
      closeSync(fd);
      this.#open.delete(oldest);
    }
    return pack;
  }
}

function openPack(directory: string, id: string): OpenPack {
  const key = packKey(id);
  const what = `store:${directory}: ${key}`;
  let fd: number;
  try {
    fd = openSync(`${directory}/${key}`, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT') throw damaged(what, 'it is not there');
    throw storeError(cause, `${what}: cannot be read`);
  }
  try {
    const stats = fstatSync(fd);
    if (!stats.isFile()) throw damaged(what, 'it is not a regular file');
    if (stats.size < HEADER_SIZE) throw damaged(what, 'it is shorter than a header');
    const first = readExactly(fd, new Uint8Array(Math.min(FIRST, stats.size)), 0, what);
    const needed = indexSize(packCount(first, what, stats.size));
    const bytes = needed <= first.length ? first : readExactly(fd, new Uint8Array(needed), 0, what);
    return { fd, what, index: PackIndex.parse(bytes, what, stats.size, id, CHUNK_SIZE) };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

export function readExactly(fd: number, into: Uint8Array, offset: number, what: string): Uint8Array {
  for (let done = 0; done < into.length; ) {
    let count: number;
    try {
      count = readSync(fd, into, done, into.length - done, offset + done);
    } catch (cause) {
      throw storeError(cause, `${what}: cannot be read`);
    }
    if (count === 0) throw damaged(what, `it ends at byte ${offset + done}`);
    done += count;
  }
  return into;
}

import { decodeChunk } from '../format/chunk.js';
import { damaged } from '../format/damage.js';
import { digest, isSame } from '../format/hash.js';
import { CHUNK_SIZE } from '../format/layout.js';
import type { Snapshot } from '../format/snapshot.js';
import type { DiskPacks } from './disk-packs.js';

/** Chunks that are kept unpacked: a range that a channel sends, and what is read beside it. */
const MOST_KEPT = 96;

/** A snapshot's chunks, read by one thread. */
export class ChunkReader {
  readonly #snapshot: Snapshot;
  readonly #packs: DiskPacks;
  readonly #what: string;
  readonly #stored = new Uint8Array(CHUNK_SIZE);
  /** By block and chunk, the one that was read first comes first. */
  readonly #kept = new Map<number, Uint8Array>();

  constructor(snapshot: Snapshot, packs: DiskPacks, what: string) {
    this.#snapshot = snapshot;
    this.#packs = packs;
    this.#what = what;
  }

  /**
   * @returns the chunk's bytes, not to be written to; undefined if it is zero.
   * @throws MultifdError `protocol` if they are not what the snapshot means.
   */
  read(block: number, chunk: number): Uint8Array | undefined {
    const key = block * 2 ** 32 + chunk;
    const kept = this.#kept.get(key);
    if (kept !== undefined) return kept;
    const runs = this.#snapshot.runs[block];
    const size = this.#snapshot.head.blocks[block]?.size ?? 0;
    if (runs === undefined) throw damaged(this.#what, `it has no block ${block}`);
    const run = runs.run(runs.runOf(chunk));
    if (run.pack === 0) return undefined;
    const raw = this.#load(
      this.#snapshot.packs[run.pack - 1] ?? '',
      run.first + chunk - run.start,
      Math.min(CHUNK_SIZE, size - chunk * CHUNK_SIZE),
    );
    this.#keep(key, raw);
    return raw;
  }

  #load(pack: string, index: number, length: number): Uint8Array {
    const place = this.#packs.place(pack, index);
    const which = `${this.#what}: chunk ${index} of pack ${pack}`;
    if (place.length !== length) throw damaged(which, `it has ${place.length} bytes, and not ${length}`);
    const stored = this.#packs.read(pack, place, this.#stored);
    const raw = decodeChunk(stored, length);
    if (raw === undefined) throw damaged(which, `it does not unpack to ${length} bytes`);
    if (!isSame(digest(raw), place.hash)) throw damaged(which, 'its bytes have another hash');
    return raw === stored ? raw.slice() : raw;
  }

  #keep(key: number, raw: Uint8Array): void {
    if (this.#kept.size >= MOST_KEPT) {
      for (const [oldest] of this.#kept) {
        this.#kept.delete(oldest);
        break;
      }
    }
    this.#kept.set(key, raw);
  }
}

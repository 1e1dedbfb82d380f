import { MultifdError } from '@multifd/core/ram';
import { damaged } from '../format/damage.js';
import { digest, isSame } from '../format/hash.js';
import { CHUNK_SIZE } from '../format/layout.js';
import type { ChunkRuns } from '../format/runs.js';
import type { Snapshot } from '../format/snapshot.js';
import { ChunkUnpacker } from './chunk-unpacker.js';
import type { DiskPacks } from './disk-packs.js';

/** Chunks that are kept unpacked, of those that were asked for in parts. */
const MOST_KEPT = 16;
/** Chunks that are read at a time: 2 MiB at most as they are stored. */
const AT_A_TIME = 32;

/** A snapshot's chunks, read by one thread. */
export class ChunkReader {
  readonly #snapshot: Snapshot;
  readonly #packs: DiskPacks;
  readonly #what: string;
  readonly #unpacker = new ChunkUnpacker();
  #stored = new Uint8Array(0);
  /** By block and chunk, the one that was read first comes first. */
  readonly #kept = new Map<number, Uint8Array>();

  constructor(snapshot: Snapshot, packs: DiskPacks, what: string) {
    this.#snapshot = snapshot;
    this.#packs = packs;
    this.#what = what;
  }

  /**
   * Fills `target` with a block's bytes from `offset` on.
   * @throws MultifdError `protocol` if what is stored is not what the snapshot means; `io`. `target` holds anything then.
   */
  read(block: number, offset: number, target: Uint8Array): void {
    const runs = this.#snapshot.runs[block];
    const size = this.#snapshot.head.blocks[block]?.size ?? 0;
    if (runs === undefined) throw damaged(this.#what, `it has no block ${block}`);
    if (offset + target.length > size)
      throw new MultifdError('internal', `${this.#what}: block ${block} ends at byte ${size}`);
    for (let done = 0; done < target.length; ) {
      const at = offset + done;
      done += this.#readRun(runs, block, size, at, target.subarray(done));
    }
  }

  /** Reads what one run has of it, or less. @returns how many bytes. */
  #readRun(runs: ChunkRuns, block: number, size: number, at: number, target: Uint8Array): number {
    const chunk = Math.floor(at / CHUNK_SIZE);
    const { pack, first, start, end } = runs.run(runs.runOf(chunk));
    const length = Math.min(target.length, Math.min(end * CHUNK_SIZE, size) - at);
    if (pack === 0) {
      target.fill(0, 0, length);
      return length;
    }
    const id = this.#snapshot.packs[pack - 1] ?? '';
    const index = first + chunk - start;
    const from = at - chunk * CHUNK_SIZE;
    const whole = at + length === size ? length : length - (length % CHUNK_SIZE);
    if (from === 0 && whole > 0) {
      const count = Math.min(whole, AT_A_TIME * CHUNK_SIZE);
      this.#load(id, index, target.subarray(0, count));
      return count;
    }
    const key = block * 2 ** 32 + chunk;
    let raw = this.#kept.get(key);
    if (raw === undefined) {
      raw = new Uint8Array(Math.min(CHUNK_SIZE, size - chunk * CHUNK_SIZE));
      this.#load(id, index, raw);
      this.#keep(key, raw);
    }
    const part = raw.subarray(from, from + length);
    target.set(part);
    return part.length;
  }

  /** Reads whole chunks that follow each other in a pack: straight to where they are wanted, if none is packed. */
  #load(pack: string, index: number, target: Uint8Array): void {
    const places = [];
    let stored = 0;
    for (let at = 0; at < target.length; at += CHUNK_SIZE) {
      const chunk = index + places.length;
      const place = this.#packs.place(pack, chunk);
      const length = Math.min(CHUNK_SIZE, target.length - at);
      if (place.length !== length)
        throw damaged(this.#which(pack, chunk), `it has ${place.length} bytes, and not ${length}`);
      places.push(place);
      stored += place.stored;
    }
    // No chunk is stored in more bytes than it has.
    const isPacked = stored < target.length;
    const bytes = isPacked ? this.#room(stored) : target;
    this.#packs.read(pack, places[0]?.offset ?? 0, bytes);
    let from = 0;
    for (const [number, place] of places.entries()) {
      const raw = target.subarray(number * CHUNK_SIZE, number * CHUNK_SIZE + place.length);
      const chunk = bytes.subarray(from, from + place.stored);
      from += place.stored;
      const which = () => this.#which(pack, index + number);
      if (isPacked && !this.#unpacker.unpack(chunk, raw))
        throw damaged(which(), `it does not unpack to ${raw.length} bytes`);
      if (!isSame(digest(raw), place.hash)) throw damaged(which(), 'its bytes have another hash');
    }
  }

  #which(pack: string, chunk: number): string {
    return `${this.#what}: chunk ${chunk} of pack ${pack}`;
  }

  #room(length: number): Uint8Array {
    if (this.#stored.length < length) this.#stored = new Uint8Array(AT_A_TIME * CHUNK_SIZE);
    return this.#stored.subarray(0, length);
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

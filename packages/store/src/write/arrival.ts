import type { GuestRamDescriptor } from '@multifd/core';
import { DirtyBitmap } from '@multifd/core/ram';
import { CHUNK_SIZE } from '../format/layout.js';
import type { Piece } from './messages.js';
import { chunksOf, PIECE_CHUNKS, pieces } from './pieces.js';

/** ms without a write until a piece is taken, and between looks when none is ready. */
const QUIET = 250;
/** Pieces that are looked at in one go, 8 GiB, and ms until the next ones: this thread has more to do. */
const AT_A_TIME = 2048;
const BREATH = 25;

/** Chunks, 16 MiB, until it is judged whether to take more is in vain: more than a quarter of them was written again. */
const FEW = 256;
const IN_VAIN = 4;

/** What is known of a chunk: it was written since it was last taken; it was taken; it counts as written again. */
const WRITTEN = 1;
const TAKEN = 2;
const AGAIN = 4;

interface ArrivingBlock {
  readonly changed: DirtyBitmap;
  /** For each chunk. */
  readonly chunks: Uint8Array;
  /** For each chunk: its pages that were ever marked, at most 16. */
  readonly pages: Uint16Array;
  /** The last chunk that was ever marked, -1 for none. */
  front: number;
  /** For each piece: when a write was last seen to it. `NEVER`: none since it was taken. */
  readonly seen: Float64Array;
}

const NEVER = Number.POSITIVE_INFINITY;

/**
 * Chooses chunks of a guest that is still coming, to be packed before all of it is here.
 *
 * Ready is what was written and has been quiet for `QUIET`. In the first round, of a guest that stands still or runs, that is
 * all behind the front of arrival: each page comes once, and a round takes longer. What a guest writes all the time is not quiet.
 * The chunk at the front itself is not, until all of it is here: on a slow link the rest of it comes later than that.
 * Each chunk is chosen once only. So a store gets at most one copy of it that the guest then writes again and nobody needs. Of a guest
 * that writes again much of what was chosen, nothing more is.
 *
 * A mark is taken before its page is read, and set after its page was written (`IncomingRam.changedPages`): of a chunk that was
 * read while it was written, a mark is found afterwards, and it counts as not taken.
 */
export class Arrival {
  /** Bitmaps for those who write. */
  readonly changed: readonly SharedArrayBuffer[];
  readonly #pageSize: number;
  readonly #lengths: readonly number[];
  readonly #blocks: readonly ArrivingBlock[];
  #round: Iterator<Piece>;
  /** Whether this round had anything. */
  #found = false;
  /** Pieces that were looked at since the last pause. */
  #looked = 0;
  /** Chunks that were taken, and those of them that were written again. */
  #taken = 0;
  #again = 0;
  #isOver = false;
  readonly #wake = new Set<() => void>();

  constructor({ blocks, pageSize }: GuestRamDescriptor) {
    this.#pageSize = pageSize;
    this.#lengths = blocks.map(({ length }) => length);
    this.#blocks = this.#lengths.map((length) => {
      const chunks = chunksOf(length);
      return {
        changed: DirtyBitmap.allocate(length / pageSize),
        chunks: new Uint8Array(chunks),
        pages: new Uint16Array(chunks),
        front: -1,
        seen: new Float64Array(Math.ceil(chunks / PIECE_CHUNKS)).fill(NEVER),
      };
    });
    this.changed = this.#blocks.map(({ changed }) => changed.buffer);
    this.#round = pieces(this.#lengths);
  }

  /** Waits for a piece that is ready. Undefined when it is over, or in vain. */
  async next(): Promise<Piece | undefined> {
    while (!this.#isOver && !this.#isInVain()) {
      const { value, done } = this.#round.next();
      if (!done) {
        if (++this.#looked > AT_A_TIME) {
          await this.#pause(BREATH);
          if (this.#isOver) break;
        }
        const ready = this.#take(value);
        if (ready === undefined) continue;
        this.#found = true;
        return ready;
      }
      const wasIdle = !this.#found;
      this.#found = false;
      this.#round = pieces(this.#lengths);
      if (wasIdle) await this.#pause(QUIET);
    }
    return undefined;
  }

  /** Nobody asks for more: who waits in `next` goes on. */
  end(): void {
    this.#isOver = true;
    for (const wake of this.#wake) wake();
  }

  /** All is here, and nobody writes any more: what was read as it is now is known from here on. */
  settle(): void {
    for (const piece of pieces(this.#lengths)) this.#collect(piece, 0);
  }

  /** After `settle`: whether a chunk was taken and has not changed since. */
  isTaken(block: number, chunk: number): boolean {
    return this.#blocks[block]?.chunks[chunk] === TAKEN;
  }

  #take(piece: Piece): Piece | undefined {
    const now = performance.now();
    if (this.#collect(piece, now)) return undefined;
    const block = this.#blocks[piece.block];
    const index = piece.first / PIECE_CHUNKS;
    if (block === undefined || now - (block.seen[index] ?? NEVER) < QUIET) return undefined;
    // As long as the front is in it, it is looked at again.
    const isFront = this.#isInPart(block, piece);
    if (!isFront) block.seen[index] = NEVER;
    const wanted = new Uint8Array(piece.count);
    for (let each = 0; each < piece.count; each++) {
      if (block.chunks[piece.first + each] !== WRITTEN) continue;
      if (isFront && piece.first + each === block.front) continue;
      block.chunks[piece.first + each] = TAKEN;
      this.#taken++;
      wanted[each] = 1;
    }
    return wanted.includes(1) ? { ...piece, wanted } : undefined;
  }

  /** Whether the front is in this piece, and of its chunk there are pages that have never come. */
  #isInPart({ front, pages, changed }: ArrivingBlock, { first, count }: Piece): boolean {
    if (front < first || front >= first + count) return false;
    const each = CHUNK_SIZE / this.#pageSize;
    const all = Math.min(each, changed.pages - front * each);
    return pages[front] !== 2 ** all - 1;
  }

  /** Takes the marks of a piece. @returns whether there were any. */
  #collect({ block: number, first, count }: Piece, now: number): boolean {
    const block = this.#blocks[number];
    if (block === undefined) return false;
    const { changed, chunks, pages, seen } = block;
    const each = CHUNK_SIZE / this.#pageSize;
    const from = (first * CHUNK_SIZE) / this.#pageSize;
    const end = Math.min(changed.pages, from + (count * CHUNK_SIZE) / this.#pageSize);
    let any = false;
    // A piece begins with a word of its own, whatever the page size.
    for (let word = from >>> 5; word * 32 < end; word++) {
      for (let bits = changed.takeWord(word); bits !== 0; bits &= bits - 1) {
        const page = word * 32 + 31 - Math.clz32(bits & -bits);
        const chunk = Math.floor(page / each);
        const state = chunks[chunk] ?? 0;
        const known = pages[chunk] ?? 0;
        const bit = 1 << (page % each);
        // Behind all that came of it before, it is its rest.
        const isAgain = (state & (TAKEN | AGAIN)) === TAKEN && known >= bit;
        if (isAgain) this.#again++;
        chunks[chunk] = state | WRITTEN | (isAgain ? AGAIN : 0);
        pages[chunk] = known | bit;
        block.front = Math.max(block.front, chunk);
        any = true;
      }
    }
    if (any) seen[first / PIECE_CHUNKS] = now;
    return any;
  }

  #isInVain(): boolean {
    return this.#taken >= FEW && this.#again * IN_VAIN > this.#taken;
  }

  async #pause(ms: number): Promise<void> {
    this.#looked = 0;
    await new Promise<void>((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        this.#wake.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, ms);
      // A guest that does not come keeps nobody from ending.
      timer.unref();
      this.#wake.add(wake);
    });
  }
}

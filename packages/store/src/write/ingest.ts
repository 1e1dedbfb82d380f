import type { GuestRamDescriptor } from '@multifd/core';
import { DirtyBitmap, MultifdError } from '@multifd/core/ram';
import { CHUNK_SIZE, HASH_SIZE } from '../format/layout.js';
import type { ObjectPlace } from '../objects/object-store.js';
import type { Arrival } from './arrival.js';
import type { ChunkTable } from './chunk-table.js';
import type { IngestWorker } from './ingest-worker.js';
import type { KnownChunks } from './known-chunks.js';
import type { FromThread, Piece, ToThread } from './messages.js';
import { chunksOf, pieces } from './pieces.js';

const ZERO_HASH = new Uint8Array(HASH_SIZE);
/** In `Ingested.entries`: a chunk that is zero. */
export const ZERO = -1;

export interface IngestInput {
  /** Fresh ones, which the caller ends. */
  readonly threads: readonly IngestWorker[];
  readonly place: ObjectPlace;
  readonly ram: GuestRamDescriptor;
  /** Gets the new chunks. */
  readonly known: KnownChunks;
  readonly signal?: AbortSignal | undefined;
  /** Bytes of RAM that are done, of all. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/** Where all of a guest's chunks are. */
export interface Ingested {
  readonly table: ChunkTable;
  /** Ids, by the numbers in the table. */
  readonly packs: readonly string[];
  /** For each block and chunk its entry in the table, or `ZERO`. */
  readonly entries: readonly Int32Array[];
  /** Chunks of the guest that are new in the store: bytes of RAM, and as they are stored. */
  readonly added: number;
  readonly stored: number;
  /** Bytes of chunks that were stored while the guest came, and are not as they came to be. */
  readonly stale: number;
}

/** An ingest thread, and the numbers of its packs. */
interface Own {
  readonly thread: IngestWorker;
  readonly packs: number[];
}

/** Brings a guest's chunks into packs: some while it comes (`early`), the others when it is here (`rest`). */
export class Ingest {
  readonly #input: IngestInput;
  readonly #threads: readonly Own[];
  readonly #entries: Int32Array[];
  readonly #packs: string[];
  readonly #total: number;
  /** Entries of the table from here on are new: the bytes that they take. */
  readonly #base: number;
  readonly #storedOf: number[] = [];
  #earlyBytes = 0;
  #arrival: Arrival | undefined;
  #stored = 0;
  #done = 0;
  readonly #stop = () => {
    for (const thread of this.#input.threads) thread.fail(new MultifdError('cancelled', 'interrupted'));
  };

  private constructor(input: IngestInput) {
    const { ram, known, threads, signal } = input;
    this.#input = input;
    this.#threads = threads.map((thread) => ({ thread, packs: [] }));
    this.#packs = known.packs;
    this.#base = known.table.count;
    const lengths = ram.blocks.map(({ length }) => length);
    this.#entries = lengths.map((length) => new Int32Array(chunksOf(length)).fill(ZERO));
    this.#total = lengths.reduce((sum, length) => sum + length, 0);
    signal?.addEventListener('abort', this.#stop, { once: true });
    if (signal?.aborted) this.#stop();
  }

  /** To be closed. @throws MultifdError `io`, `cancelled`. */
  static async open(input: IngestInput): Promise<Ingest> {
    const { place, ram, threads } = input;
    const run = new Ingest(input);
    const setup = { place, pageSize: ram.pageSize, blocks: ram.blocks };
    try {
      await Promise.all(threads.map((thread) => ask(thread, { type: 'open', setup }, 'ready')));
    } catch (error) {
      run.close();
      throw error;
    }
    return run;
  }

  /** Bytes of RAM that `early` is done with. */
  get earlyBytes(): number {
    return this.#earlyBytes;
  }

  /**
   * Works on what is ready while the guest comes, until that is over, and the packs that were begun to be put are safe. Only with half
   * of the ingest threads: the guest comes by the other processors, and must not come slower for it.
   * @throws MultifdError `io`, `cancelled`. It is no use to go on then.
   */
  async early(arrival: Arrival): Promise<void> {
    this.#arrival = arrival;
    const next = () => arrival.next();
    const done = ({ block, first, wanted }: Piece) => {
      wanted.forEach((isWanted, index) => {
        if (isWanted === 1) this.#earlyBytes += this.#bytes({ block, first: first + index, count: 1 });
      });
    };
    const work = async (own: Own) => {
      await this.#drive(own, next, done);
      await ask(own.thread, { type: 'settle' }, 'ready');
    };
    try {
      await Promise.all(this.#threads.slice(0, Math.max(1, this.#threads.length >> 1)).map(work));
    } finally {
      arrival.end();
    }
  }

  /**
   * All that is left, all ingest threads at work. Nobody may write to RAM any more.
   * @param received one `DirtyBitmap` for each block: pages without a mark are zero, whatever the block has there.
   * @throws MultifdError `io`, `cancelled`.
   */
  async rest(received: readonly SharedArrayBuffer[]): Promise<Ingested> {
    const { ram, known } = this.#input;
    const bitmaps = ram.blocks.map(({ name, length }, index) => {
      const bitmap = received[index];
      if (bitmap === undefined) throw new MultifdError('internal', `RAM block ${name}: no bitmap`);
      return new DirtyBitmap(bitmap, length / ram.pageSize);
    });
    this.#arrival?.settle();
    const left = pieces(ram.blocks.map(({ length }) => length));
    const next = async () => this.#nextLeft(left, bitmaps);
    const work = async (own: Own) => {
      await ask(own.thread, { type: 'arrived', received }, 'ready');
      await this.#drive(own, next, (piece) => this.#progress(piece));
      const finished = await ask(own.thread, { type: 'finish' }, 'finished');
      own.packs.forEach((number, pack) => {
        this.#packs[number] = finished.packs[pack] ?? '';
      });
    };
    await Promise.all(this.#threads.map(work));
    const { added, stored } = this.#count();
    const stale = this.#stored - stored;
    return { table: known.table, packs: this.#packs, entries: this.#entries, added, stored, stale };
  }

  /** The threads are the caller's. */
  close(): void {
    this.#input.signal?.removeEventListener('abort', this.#stop);
  }

  async #drive(
    { thread, packs }: Own,
    next: () => Promise<Piece | undefined>,
    done: (piece: Piece) => void,
  ): Promise<void> {
    for (let piece = await next(); piece !== undefined; piece = await next()) {
      const { hashes } = await ask(thread, { type: 'piece', piece }, 'hashed');
      const fresh = this.#look(piece, hashes);
      if (fresh.length > 0) {
        const taken = new Uint8Array(piece.count);
        for (const { index } of fresh) taken[index] = 1;
        const { places } = await ask(thread, { type: 'take', taken }, 'packed');
        places.forEach(({ pack, index, stored }, each) => {
          const entry = fresh[each]?.entry ?? -1;
          packs[pack] ??= this.#packs.push('') - 1;
          this.#input.known.table.set(entry, packs[pack], index);
          this.#storedOf[entry - this.#base] = stored;
          this.#stored += stored;
        });
      }
      done(piece);
    }
  }

  /** The next piece with content that is not stored as it is. */
  #nextLeft(left: Iterator<Piece>, received: readonly DirtyBitmap[]): Piece | undefined {
    for (;;) {
      const { value, done } = left.next();
      if (done) return undefined;
      const wanted = this.#left(value);
      if (wanted.includes(1) && this.#hasContent(value, received[value.block])) return { ...value, wanted };
      this.#progress(value);
    }
  }

  /** Which chunks of a piece are not stored as they are: 1. Where they were stored before does not count. */
  #left({ block, first, count, wanted: all }: Piece): Uint8Array {
    const arrival = this.#arrival;
    if (arrival === undefined) return all;
    const wanted = new Uint8Array(count);
    for (let index = 0; index < count; index++) {
      if (arrival.isTaken(block, first + index)) continue;
      wanted[index] = 1;
      const entries = this.#entries[block];
      if (entries !== undefined) entries[first + index] = ZERO;
    }
    return wanted;
  }

  #hasContent(piece: Piece, received: DirtyBitmap | undefined): boolean {
    const from = (piece.first * CHUNK_SIZE) / this.#input.ram.pageSize;
    const end = from + this.#bytes(piece) / this.#input.ram.pageSize;
    return received !== undefined && received.firstMarked(from, end) < end;
  }

  /** Notes where the chunks are that are there. @returns the others: numbers in the piece, and new entries of the table. */
  #look({ block, first, count }: Piece, hashes: Uint8Array) {
    const { table } = this.#input.known;
    const entries = this.#entries[block];
    const fresh: { readonly index: number; readonly entry: number }[] = [];
    for (let index = 0; index < count; index++) {
      const hash = hashes.subarray(index * HASH_SIZE, (index + 1) * HASH_SIZE);
      if (Buffer.compare(hash, ZERO_HASH) === 0) continue;
      let entry = table.find(hash);
      if (entry < 0) {
        entry = table.add(hash, -1, 0);
        fresh.push({ index, entry });
      }
      if (entries !== undefined) entries[first + index] = entry;
    }
    return fresh;
  }

  /** Chunks that are new, and that the guest has: each once. */
  #count(): { readonly added: number; readonly stored: number } {
    const isCounted = new Uint8Array(this.#storedOf.length);
    let added = 0;
    let stored = 0;
    for (const [block, entries] of this.#entries.entries()) {
      for (let chunk = 0; chunk < entries.length; chunk++) {
        const entry = (entries[chunk] ?? ZERO) - this.#base;
        if (entry < 0 || isCounted[entry] === 1) continue;
        isCounted[entry] = 1;
        added += this.#bytes({ block, first: chunk, count: 1 });
        stored += this.#storedOf[entry] ?? 0;
      }
    }
    return { added, stored };
  }

  #bytes({ block, first, count }: Omit<Piece, 'wanted'>): number {
    const length = this.#input.ram.blocks[block]?.length ?? 0;
    return Math.min(length, (first + count) * CHUNK_SIZE) - first * CHUNK_SIZE;
  }

  #progress(piece: Piece): void {
    this.#done += this.#bytes(piece);
    this.#input.onProgress?.(this.#done, this.#total);
  }
}

/** @throws MultifdError what the thread has met, or `internal` if it says something else. */
async function ask<T extends FromThread['type']>(
  thread: IngestWorker,
  message: ToThread,
  type: T,
): Promise<Extract<FromThread, { readonly type: T }>> {
  const answer = await thread.ask(message);
  if (isOf(answer, type)) return answer;
  throw new MultifdError('internal', `an ingest thread answered ${answer.type}`);
}

function isOf<T extends FromThread['type']>(
  answer: FromThread,
  type: T,
): answer is Extract<FromThread, { readonly type: T }> {
  return answer.type === type;
}

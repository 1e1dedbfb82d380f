import type { GuestRamDescriptor } from '@multifd/core';
import { DirtyBitmap, MultifdError } from '@multifd/core/ram';
import { CHUNK_SIZE, HASH_SIZE } from '../format/layout.js';
import type { ObjectPlace } from '../objects/object-store.js';
import type { ChunkTable } from './chunk-table.js';
import type { IngestWorker } from './ingest-worker.js';
import type { KnownChunks } from './known-chunks.js';
import type { Piece, ThreadSetup } from './messages.js';
import { chunksOf, pieces } from './pieces.js';

const ZERO_HASH = new Uint8Array(HASH_SIZE);
/** In `Ingested.entries`: a chunk that is zero. */
export const ZERO = -1;

export interface IngestInput {
  /** Fresh ones, which the caller ends. */
  readonly threads: readonly IngestWorker[];
  readonly place: ObjectPlace;
  /** Nobody may write to it. */
  readonly ram: GuestRamDescriptor;
  /** One `DirtyBitmap` for each block: pages without a mark are zero, whatever the block has there. */
  readonly received: readonly SharedArrayBuffer[];
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
  /** Chunks that are new in the store: bytes of RAM, and as they are stored. */
  readonly added: number;
  readonly stored: number;
}

/** Brings a guest's chunks into packs, all threads of this machine at work. @throws MultifdError `io`, `cancelled`. */
export async function ingest(input: IngestInput): Promise<Ingested> {
  const run = new Ingest(input);
  return run.run();
}

class Ingest {
  readonly #input: IngestInput;
  readonly #entries: Int32Array[];
  readonly #packs: string[];
  readonly #pieces: Iterator<Piece>;
  readonly #bitmaps: readonly DirtyBitmap[];
  readonly #total: number;
  #added = 0;
  #stored = 0;
  #done = 0;

  constructor(input: IngestInput) {
    const { ram, received, known } = input;
    this.#input = input;
    this.#packs = known.packs;
    const lengths = ram.blocks.map(({ length }) => length);
    this.#entries = lengths.map((length) => new Int32Array(chunksOf(length)).fill(ZERO));
    this.#pieces = pieces(lengths);
    this.#total = lengths.reduce((sum, length) => sum + length, 0);
    this.#bitmaps = ram.blocks.map(({ name, length }, index) => {
      const bitmap = received[index];
      if (bitmap === undefined) throw new MultifdError('internal', `RAM block ${name}: no bitmap`);
      return new DirtyBitmap(bitmap, length / ram.pageSize);
    });
  }

  async run(): Promise<Ingested> {
    const { signal, threads } = this.#input;
    const stop = () => {
      for (const thread of threads) thread.fail(new MultifdError('cancelled', 'interrupted'));
    };
    signal?.addEventListener('abort', stop, { once: true });
    if (signal?.aborted) stop();
    try {
      await Promise.all(threads.map((thread) => this.#drive(thread)));
    } finally {
      signal?.removeEventListener('abort', stop);
    }
    return {
      table: this.#input.known.table,
      packs: this.#packs,
      entries: this.#entries,
      added: this.#added,
      stored: this.#stored,
    };
  }

  #setup(): ThreadSetup {
    const { place, ram, received } = this.#input;
    return { place, pageSize: ram.pageSize, blocks: ram.blocks, received };
  }

  async #drive(thread: IngestWorker): Promise<void> {
    const opened = await thread.ask({ type: 'open', setup: this.#setup() });
    if (opened.type !== 'opened') throw unexpected(opened.type);
    const own: number[] = [];
    for (let piece = this.#next(); piece !== undefined; piece = this.#next()) {
      const hashed = await thread.ask({ type: 'piece', piece });
      if (hashed.type !== 'hashed') throw unexpected(hashed.type);
      const fresh = this.#look(piece, hashed.hashes);
      if (fresh.length > 0) {
        const taken = new Uint8Array(piece.count);
        for (const { index } of fresh) taken[index] = 1;
        const packed = await thread.ask({ type: 'take', taken });
        if (packed.type !== 'packed') throw unexpected(packed.type);
        this.#stored += packed.stored;
        packed.places.forEach(({ pack, index }, each) => {
          own[pack] ??= this.#packs.push('') - 1;
          this.#input.known.table.set(fresh[each]?.entry ?? -1, own[pack], index);
        });
      }
      this.#progress(piece);
    }
    const finished = await thread.ask({ type: 'finish' });
    if (finished.type !== 'finished') throw unexpected(finished.type);
    own.forEach((number, pack) => {
      this.#packs[number] = finished.packs[pack] ?? '';
    });
  }

  /** The next piece with content. */
  #next(): Piece | undefined {
    for (;;) {
      const { value, done } = this.#pieces.next();
      if (done) return undefined;
      if (this.#hasContent(value)) return value;
      this.#progress(value);
    }
  }

  #hasContent({ block, first, count }: Piece): boolean {
    const bitmap = this.#bitmaps[block];
    const from = (first * CHUNK_SIZE) / this.#input.ram.pageSize;
    const end = from + this.#bytes({ block, first, count }) / this.#input.ram.pageSize;
    return bitmap !== undefined && bitmap.firstMarked(from, end) < end;
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
        this.#added += this.#bytes({ block, first: first + index, count: 1 });
      }
      if (entries !== undefined) entries[first + index] = entry;
    }
    return fresh;
  }

  #bytes({ block, first, count }: Piece): number {
    const length = this.#input.ram.blocks[block]?.length ?? 0;
    return Math.min(length, (first + count) * CHUNK_SIZE) - first * CHUNK_SIZE;
  }

  #progress(piece: Piece): void {
    this.#done += this.#bytes(piece);
    this.#input.onProgress?.(this.#done, this.#total);
  }
}

function unexpected(type: string): MultifdError {
  return new MultifdError('internal', `an ingest thread answered ${type}`);
}

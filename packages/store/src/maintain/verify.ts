import { MultifdError } from '@multifd/core/ram';
import { damaged } from '../format/damage.js';
import { CHUNK_SIZE } from '../format/layout.js';
import { nameOf, PACKS, packKey, packOf, SNAPSHOTS } from '../format/names.js';
import { ChunkUnpacker } from '../read/chunk-unpacker.js';
import { readPackIndex } from '../read/pack-index.js';
import { packPieces } from '../read/pack-pieces.js';
import type { NamedSnapshot, Store } from '../store.js';

/** What `verify` has found. */
export interface Verification {
  readonly snapshots: number;
  readonly packs: number;
  readonly chunks: number;
  /** Bytes that were read. */
  readonly bytes: number;
  /** One line for each thing that is wrong; the store is whole if there is none. */
  readonly faults: readonly string[];
  /** Names of snapshots that cannot be restored. */
  readonly broken: readonly string[];
}

export interface VerifyOptions {
  readonly signal?: AbortSignal;
  /** Packs that are read, of all. */
  readonly onProgress?: (done: number, total: number) => void;
}

/**
 * Reads all of a store back: each chunk must unpack to its hash, and each snapshot find its chunks. The caller holds a lease.
 * @throws MultifdError `io`, `cancelled`; what is wrong with the store is in the result.
 */
export async function verifyStore(store: Store, options: VerifyOptions = {}): Promise<Verification> {
  const run = new Verify(store, options);
  return run.run();
}

class Verify {
  readonly #store: Store;
  readonly #options: VerifyOptions;
  /** Of packs whose index is whole: bytes of RAM of each chunk; 0: of one that is damaged. */
  readonly #lengths = new Map<string, Uint32Array>();
  /** Keys of all packs that were read. */
  readonly #seen = new Set<string>();
  readonly #faults: string[] = [];
  readonly #unpacker = new ChunkUnpacker();
  readonly #raw = new Uint8Array(CHUNK_SIZE);
  #chunks = 0;
  #bytes = 0;

  constructor(store: Store, options: VerifyOptions) {
    this.#store = store;
    this.#options = options;
  }

  async run(): Promise<Verification> {
    const packs = await this.#store.objects.list(PACKS);
    for (const [done, { key }] of packs.entries()) {
      this.#options.onProgress?.(done, packs.length);
      await this.#found(() => this.#pack(key));
    }
    const entries = await this.#store.objects.list(SNAPSHOTS);
    const broken: string[] = [];
    for (const { key } of entries) {
      const name = nameOf(key);
      if (name === undefined) this.#faults.push(`${this.#store.what}: ${key} is not a snapshot's name`);
      else if (!(await this.#found(() => this.#snapshot(name)))) broken.push(name);
    }
    return {
      snapshots: entries.length,
      packs: this.#seen.size,
      chunks: this.#chunks,
      bytes: this.#bytes,
      faults: this.#faults,
      broken,
    };
  }

  async #pack(key: string): Promise<void> {
    const what = `${this.#store.what}: ${key}`;
    this.#seen.add(key);
    const id = packOf(key);
    if (id === undefined) throw damaged(what, 'it is not where a pack is');
    const index = await readPackIndex(this.#store.objects, id);
    this.#bytes += index.bytes.length;
    const lengths = new Uint32Array(index.count);
    let damage: MultifdError | undefined;
    for await (const piece of packPieces(this.#store.objects, index)) {
      this.#bytes += piece.bytes.length;
      for (let chunk = piece.first; chunk < piece.end; chunk++) {
        const { offset, stored, length } = index.place(chunk);
        const at = offset - piece.offset;
        const raw = this.#raw.subarray(0, length);
        if (!this.#unpacker.unpack(piece.bytes.subarray(at, at + stored), raw))
          damage ??= damaged(what, `chunk ${chunk} does not unpack to ${length} bytes`);
        else if (!index.isChunk(chunk, raw))
          damage ??= damaged(what, `the bytes of chunk ${chunk} have another hash`);
        else lengths[chunk] = length;
      }
    }
    // Its other chunks are good: a snapshot that needs only those can be restored.
    this.#lengths.set(packKey(id), lengths);
    if (damage !== undefined) throw damage;
    this.#chunks += index.count;
  }

  async #snapshot(name: string): Promise<void> {
    const snapshot = await this.#store.snapshot(name);
    this.#bytes += snapshot.size;
    for (const id of snapshot.packs) {
      // One that somebody has stored since the packs were listed.
      if (!this.#seen.has(packKey(id))) await this.#found(() => this.#pack(packKey(id)));
    }
    snapshot.head.blocks.forEach((block, index) => {
      this.#block(snapshot, block, index);
    });
  }

  #block(
    { packs, runs, name }: NamedSnapshot,
    block: { readonly name: string; readonly size: number },
    index: number,
  ): void {
    const what = `${this.#store.whatOf(name)}: RAM block ${block.name}`;
    const own = runs[index];
    for (let each = 0; own !== undefined && each < own.runs; each++) {
      const { start, end, pack, first } = own.run(each);
      if (pack === 0) continue;
      const id = packs[pack - 1] ?? '';
      const lengths = this.#lengths.get(packKey(id));
      if (lengths === undefined) throw damaged(what, `pack ${id} is missing, or not whole`);
      for (let chunk = start; chunk < end; chunk++) {
        const length = Math.min(CHUNK_SIZE, block.size - chunk * CHUNK_SIZE);
        const found = lengths[first + chunk - start];
        if (found === 0) throw damaged(what, `pack ${id} is missing, or not whole`);
        if (found !== length)
          throw damaged(what, `chunk ${chunk} has ${found ?? 'no'} bytes in pack ${id}, and not ${length}`);
      }
    }
  }

  /** Whether it is as it should be; else it is noted. */
  async #found(check: () => Promise<void>): Promise<boolean> {
    const { signal } = this.#options;
    if (signal?.aborted) throw new MultifdError('cancelled', 'interrupted', { cause: signal.reason });
    try {
      await check();
      return true;
    } catch (error) {
      if (!MultifdError.is(error) || error.code === 'internal') throw error;
      this.#faults.push(error.message);
      return false;
    }
  }
}

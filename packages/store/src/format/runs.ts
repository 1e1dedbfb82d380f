import { damaged } from './damage.js';
import { RUN_SIZE } from './layout.js';

/** Where a block's chunks are: runs of them that follow each other in one pack, or are zero. */
export class ChunkRuns {
  /** Number of chunks. */
  readonly chunks: number;
  readonly #view: DataView;
  /** The first chunk of each run, and behind them the number of all. */
  readonly #starts: Uint32Array;

  private constructor(view: DataView, starts: Uint32Array) {
    this.#view = view;
    this.#starts = starts;
    this.chunks = starts.at(-1) ?? 0;
  }

  /**
   * @param bytes whole runs.
   * @param chunks that the block has.
   * @param packs that the snapshot names.
   * @param what for messages.
   * @throws MultifdError `protocol`.
   */
  static parse(bytes: Uint8Array, chunks: number, packs: number, what: string): ChunkRuns {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const count = bytes.length / RUN_SIZE;
    const starts = new Uint32Array(count + 1);
    let at = 0;
    for (let run = 0; run < count; run++) {
      starts[run] = at;
      const pack = view.getUint32(run * RUN_SIZE);
      const first = view.getUint32(run * RUN_SIZE + 4);
      const length = view.getUint32(run * RUN_SIZE + 8);
      if (pack > packs) throw damaged(what, `run ${run} is in pack ${pack} of ${packs}`);
      if (length === 0 || length > chunks - at || first + length > 2 ** 32 || (pack === 0 && first !== 0))
        throw damaged(what, `run ${run} has ${length} chunks from ${first} on, and ${chunks - at} are left`);
      at += length;
    }
    starts[count] = at;
    if (at !== chunks) throw damaged(what, `${at} chunks, and the block has ${chunks}`);
    return new ChunkRuns(view, starts);
  }

  get runs(): number {
    return this.#starts.length - 1;
  }

  /** `pack` is 0 for chunks that are zero, else one more than its place in the snapshot's list. */
  run(index: number): {
    readonly start: number;
    readonly end: number;
    readonly pack: number;
    readonly first: number;
  } {
    return {
      start: this.#starts[index] ?? 0,
      end: this.#starts[index + 1] ?? 0,
      pack: this.#view.getUint32(index * RUN_SIZE),
      first: this.#view.getUint32(index * RUN_SIZE + 4),
    };
  }

  /** The run that has this chunk. */
  runOf(chunk: number): number {
    let low = 0;
    let high = this.runs - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if ((this.#starts[middle] ?? 0) <= chunk) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

/** Collects a block's runs, chunk by chunk. */
export class RunWriter {
  #bytes = new Uint8Array(RUN_SIZE * 64);
  #view = new DataView(this.#bytes.buffer);
  #count = 0;
  #last = { pack: -1, next: 0, length: 0 };

  /** @param pack as `ChunkRuns.run` has it; `index` the chunk in it, 0 for zero chunks. */
  add(pack: number, index: number): void {
    const last = this.#last;
    if (pack === last.pack && (pack === 0 || index === last.next)) {
      last.length++;
      last.next++;
      this.#view.setUint32((this.#count - 1) * RUN_SIZE + 8, last.length);
      return;
    }
    if ((this.#count + 1) * RUN_SIZE > this.#bytes.length) this.#grow();
    const at = this.#count * RUN_SIZE;
    this.#view.setUint32(at, pack);
    this.#view.setUint32(at + 4, index);
    this.#view.setUint32(at + 8, 1);
    this.#count++;
    this.#last = { pack, next: index + 1, length: 1 };
  }

  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#count * RUN_SIZE);
  }

  #grow(): void {
    const larger = new Uint8Array(this.#bytes.length * 2);
    larger.set(this.#bytes);
    this.#bytes = larger;
    this.#view = new DataView(larger.buffer);
  }
}

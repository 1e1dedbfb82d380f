import { type GuestRamDescriptor, MultifdError, openRamBlock, type RamBlock } from '@multifd/core';

/** Bytes that are compared at once. */
const STEP = 2 ** 20;
/** Ranges of a block that are listed; more are counted. A page in two of a large guest would fill memory. */
const MOST_RANGES = 100_000;
/** Cells of a block's map. */
const MOST_CELLS = 4096;

/** What has become of a block's pages. */
export interface BlockDiff {
  readonly name: string;
  /** Bytes, in each of the two. */
  readonly lengths: readonly [number, number];
  /** Pages that are compared: those that both have. */
  readonly pages: number;
  readonly changed: number;
  /** Of those: pages that were zero before, and pages that are zero now. */
  readonly filled: number;
  readonly cleared: number;
  /** Byte ranges [start, end) of pages that changed, ascending. */
  readonly ranges: readonly (readonly [number, number])[];
  /** Ranges that are not listed. */
  readonly more: number;
  readonly map: CellMap;
}

/** A block in equal pieces. */
export interface CellMap {
  /** Pages of a cell; the last one may have fewer. */
  readonly pagesPerCell: number;
  /** Pages of each that changed. */
  readonly changed: Uint32Array;
  /** Pages of each that may hold content, before or now. */
  readonly present: Uint32Array;
}

/**
 * Compares what both guests have of a block.
 * @param names of blocks to be compared, which both have.
 * @throws MultifdError `io`, `protocol`, `cancelled`.
 */
export async function compareRam(
  before: GuestRamDescriptor,
  now: GuestRamDescriptor,
  signal: AbortSignal,
  progress: (share: number) => void,
): Promise<BlockDiff[]> {
  const pairs = before.blocks.flatMap((a) => {
    const b = now.blocks.find(({ name }) => name === a.name);
    return b === undefined ? [] : [[a, b] as const];
  });
  const total = pairs.reduce((sum, [a, b]) => sum + Math.min(a.length, b.length), 0);
  const all: BlockDiff[] = [];
  let done = 0;
  for (const [a, b] of pairs) {
    const blocks = [await openRamBlock(a), await openRamBlock(b)] as const;
    const walk = new BlockWalk(a.name, [a.length, b.length], before.pageSize);
    try {
      for (const [from, to] of presentInEither(...blocks, walk.length)) {
        walk.present(from, to);
        for (let at = from; at < to; at += STEP) {
          // What the user wants, and what the terminal shows, gets a turn.
          await new Promise((resolve) => setImmediate(resolve));
          if (signal.aborted) throw new MultifdError('cancelled', 'interrupted', { cause: signal.reason });
          walk.compare(...blocks, at, Math.min(STEP, to - at));
          progress((done + at) / total);
        }
      }
    } finally {
      for (const block of blocks) block.close();
    }
    done += walk.length;
    all.push(walk.result());
  }
  return all;
}

const ZEROS = new Uint8Array(STEP);

/** Gathers what differs in one block. Pages come in ascending order. */
class BlockWalk {
  readonly length: number;
  readonly #name: string;
  readonly #lengths: readonly [number, number];
  readonly #pageSize: number;
  readonly #scratch = [new Uint8Array(STEP), new Uint8Array(STEP)] as const;
  readonly #map: CellMap;
  readonly #ranges: [number, number][] = [];
  #last: [number, number] | undefined;
  #more = 0;
  #changed = 0;
  #filled = 0;
  #cleared = 0;

  constructor(name: string, lengths: readonly [number, number], pageSize: number) {
    this.#name = name;
    this.#lengths = lengths;
    this.#pageSize = pageSize;
    this.length = Math.min(...lengths);
    const pages = this.length / pageSize;
    const pagesPerCell = Math.max(1, Math.ceil(pages / MOST_CELLS));
    const cells = Math.ceil(pages / pagesPerCell);
    this.#map = { pagesPerCell, changed: new Uint32Array(cells), present: new Uint32Array(cells) };
  }

  /** Bytes [from, to) may hold content. */
  present(from: number, to: number): void {
    const { pagesPerCell, present } = this.#map;
    const end = to / this.#pageSize;
    for (let page = from / this.#pageSize; page < end; ) {
      const cell = Math.floor(page / pagesPerCell);
      const next = Math.min(end, (cell + 1) * pagesPerCell);
      present[cell] = (present[cell] ?? 0) + next - page;
      page = next;
    }
  }

  compare(before: RamBlock, now: RamBlock, at: number, length: number): void {
    const a = before.read(at, length, this.#scratch[0]);
    const b = now.read(at, length, this.#scratch[1]);
    if (Buffer.compare(a, b) === 0) return;
    const size = this.#pageSize;
    for (let offset = 0; offset < length; offset += size) {
      const [old, young] = [a.subarray(offset, offset + size), b.subarray(offset, offset + size)];
      if (Buffer.compare(old, young) === 0) continue;
      this.#changed++;
      if (isZero(old)) this.#filled++;
      if (isZero(young)) this.#cleared++;
      this.#note(at + offset);
    }
  }

  result(): BlockDiff {
    return {
      name: this.#name,
      lengths: this.#lengths,
      pages: this.length / this.#pageSize,
      changed: this.#changed,
      filled: this.#filled,
      cleared: this.#cleared,
      ranges: this.#ranges,
      more: this.#more,
      map: this.#map,
    };
  }

  #note(start: number): void {
    const { changed, pagesPerCell } = this.#map;
    const cell = Math.floor(start / this.#pageSize / pagesPerCell);
    changed[cell] = (changed[cell] ?? 0) + 1;
    if (this.#last?.[1] === start) {
      this.#last[1] += this.#pageSize;
      return;
    }
    this.#last = [start, start + this.#pageSize];
    if (this.#ranges.length < MOST_RANGES) this.#ranges.push(this.#last);
    else this.#more++;
  }
}

function isZero(page: Uint8Array): boolean {
  return Buffer.compare(page, ZEROS.subarray(0, page.length)) === 0;
}

/** Byte ranges that are not known to be absent in both. */
function* presentInEither(
  a: RamBlock,
  b: RamBlock,
  length: number,
): Generator<readonly [number, number], void> {
  for (let at = 0; at < length; ) {
    const known = [a.absent(at, length - at), b.absent(at, length - at)];
    const step = Math.min(...known.map(Math.abs));
    if (known.some((each) => each < 0)) yield [at, at + step];
    at += step;
  }
}

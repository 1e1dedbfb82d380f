import { MultifdError, openRamBlock } from '@multifd/core/ram';
import type { StoredGuest } from '../read/open-snapshot.js';

/** How a RAM block differs between two snapshots. */
export interface BlockDifference {
  readonly name: string;
  /** Bytes; null: that snapshot has no such block. */
  readonly sizes: readonly [number | null, number | null];
  /** Pages whose content differs, of those that both have. */
  readonly pages: number;
  /** Runs of them: pairs of byte offsets [start, end), ascending; the first `mostRanges`. */
  readonly ranges: readonly (readonly [number, number])[];
  /** Runs that are not listed. */
  readonly more: number;
}

export interface Difference {
  readonly blocks: readonly BlockDifference[];
  readonly machineType: boolean;
  readonly deviceState: boolean;
}

/** Bytes that are compared at a time. */
const STEP = 2 ** 20;
/** A page in two of a large guest would fill memory. */
const MOST_RANGES = 100_000;

/**
 * Compares two guests page by page. Chunks that both share are not read.
 * @param mostRanges of a block that are listed; more are counted.
 * @throws MultifdError `usage` if their pages have different sizes; `protocol`, `io`, `cancelled`.
 */
export async function diffSnapshots(
  a: StoredGuest,
  b: StoredGuest,
  signal?: AbortSignal,
  mostRanges = MOST_RANGES,
): Promise<Difference> {
  const { pageSize } = a.ram;
  if (pageSize !== b.ram.pageSize) {
    throw new MultifdError('usage', `pages of ${pageSize} and of ${b.ram.pageSize} bytes cannot be compared`);
  }
  const names = new Set([...a.ram.blocks, ...b.ram.blocks].map(({ name }) => name));
  const blocks: BlockDifference[] = [];
  for (const name of names) blocks.push(await diffBlock(name, a, b, mostRanges, signal));
  return {
    blocks,
    machineType: a.machineType !== b.machineType,
    deviceState: !isSameState(a, b),
  };
}

function isSameState({ rawDeviceState: a }: StoredGuest, { rawDeviceState: b }: StoredGuest): boolean {
  const none = new Uint8Array(0);
  return (
    Buffer.compare(a.beforeRam ?? none, b.beforeRam ?? none) === 0 &&
    Buffer.compare(a.early, b.early) === 0 &&
    Buffer.compare(a.bytes, b.bytes) === 0
  );
}

async function diffBlock(
  name: string,
  a: StoredGuest,
  b: StoredGuest,
  mostRanges: number,
  signal: AbortSignal | undefined,
): Promise<BlockDifference> {
  const { pageSize } = a.ram;
  const [one, other] = [a, b].map(({ ram }) => ram.blocks.find((block) => block.name === name));
  const sizes = [one?.length ?? null, other?.length ?? null] as const;
  const ranges: [number, number][] = [];
  let [pages, more] = [0, 0];
  // Listed or not.
  let last: [number, number] | undefined;
  if (one === undefined || other === undefined) return { name, sizes, pages, ranges, more };
  const [left, right] = await Promise.all([openRamBlock(one), openRamBlock(other)]);
  const [scratch, second] = [new Uint8Array(STEP), new Uint8Array(STEP)];
  try {
    for (const [from, to] of unequalSpans(a, b, name, Math.min(one.length, other.length))) {
      for (let at = from; at < to; at += STEP) {
        // Leases are renewed, and signals heard, between two steps.
        await new Promise((resolve) => setImmediate(resolve));
        if (signal?.aborted) throw new MultifdError('cancelled', 'interrupted', { cause: signal.reason });
        const length = Math.min(STEP, to - at);
        const mine = left.read(at, length, scratch);
        const theirs = right.read(at, length, second);
        for (let page = 0; page < length; page += pageSize) {
          const end = page + pageSize;
          if (Buffer.compare(mine.subarray(page, end), theirs.subarray(page, end)) === 0) continue;
          pages++;
          if (last?.[1] === at + page) {
            last[1] = at + end;
            continue;
          }
          last = [at + page, at + end];
          if (ranges.length < mostRanges) ranges.push(last);
          else more++;
        }
      }
    }
  } finally {
    left.close();
    right.close();
  }
  return { name, sizes, pages, ranges, more };
}

/** Byte ranges whose chunks are not the same ones in both. */
function* unequalSpans(
  a: StoredGuest,
  b: StoredGuest,
  name: string,
  length: number,
): Generator<readonly [number, number], void> {
  const sides = [a, b].map(({ snapshot }) => ({
    packs: snapshot.packs,
    runs: snapshot.runs[snapshot.head.blocks.findIndex((block) => block.name === name)],
  }));
  const [left, right] = sides;
  if (left?.runs === undefined || right?.runs === undefined) return;
  const { chunkSize } = a.snapshot.head;
  const chunks = Math.ceil(length / chunkSize);
  for (let chunk = 0; chunk < chunks; ) {
    const mine = left.runs.run(left.runs.runOf(chunk));
    const theirs = right.runs.run(right.runs.runOf(chunk));
    const end = Math.min(mine.end, theirs.end, chunks);
    const isSame =
      (mine.pack === 0 && theirs.pack === 0) ||
      (mine.pack > 0 &&
        theirs.pack > 0 &&
        left.packs[mine.pack - 1] === right.packs[theirs.pack - 1] &&
        mine.first - mine.start === theirs.first - theirs.start);
    if (!isSame) yield [chunk * chunkSize, Math.min(end * chunkSize, length)];
    chunk = end;
  }
}

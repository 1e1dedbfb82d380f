import { type HoleSeeker, loadHoleSeeker } from './seek.js';

/** A file's data, found without reading it. */
export interface Extents {
  /** Pairs of byte offsets [start, end), ascending and apart, cut to whole pages. Undefined: not known. */
  readonly extents: Float64Array | undefined;
  /** Why they are not known. */
  readonly reason?: string;
}

/**
 * Lists the data of an open file of `length` bytes; the rest are holes, which read as zero.
 * Never throws for a platform or a file system that cannot tell: then everything counts as data.
 */
export async function listExtents(fd: number, length: number, pageSize: number): Promise<Extents> {
  try {
    const support = loadHoleSeeker();
    if (!support.ok) return { extents: undefined, reason: support.reason };
    return { extents: walk(support.seeker, fd, length, pageSize) };
  } catch (error) {
    return { extents: undefined, reason: error instanceof Error ? error.message : String(error) };
  }
}

/** Exported for tests, which have files of their own making. */
export function walk(seeker: HoleSeeker, fd: number, length: number, pageSize: number): Float64Array {
  const pairs: number[] = [];
  for (let at = 0; at < length; ) {
    const data = seeker.nextData(fd, at);
    if (data === undefined || data >= length) break;
    const hole = Math.max(seeker.nextHole(fd, data), data + 1);
    const start = data - (data % pageSize);
    const end = Math.min(length, Math.ceil(hole / pageSize) * pageSize);
    // A file system's blocks may be smaller than a page: neighbours can then share one.
    if (pairs.length > 0 && start <= (pairs.at(-1) ?? 0)) pairs[pairs.length - 1] = end;
    else pairs.push(start, end);
    at = end;
  }
  return Float64Array.from(pairs);
}

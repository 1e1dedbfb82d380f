/** Result of one method's trial. */
export interface MeasuredMethod {
  readonly name: string;
  /** Bytes of pages a second, one thread. */
  readonly bytesPerSecond: number;
  /** Payload bytes for each byte of pages; 1: no gain. */
  readonly ratio: number;
}

export interface MethodDecision {
  /** The method to send with from now on. */
  readonly name: string;
  /** Why, one line. */
  readonly reason: string;
  /** Payload bytes a second while nothing was compressed. */
  readonly lineRate: number;
  readonly measured: readonly MeasuredMethod[];
}

/** Factor by which a method must be better: its cost for the guest and the other end is not measured. */
const WORTH_IT = 1.2;
/** Methods whose page rates differ by less than this factor should finish together. */
const AS_GOOD = 1.1;

/**
 * Chooses the method that should finish first; among those that should finish together, the one that takes least CPU.
 * @param lineRate payload bytes a second with `none`, all channels together.
 * @param threads that can compress at the same time.
 */
export function decideMethod(
  lineRate: number,
  threads: number,
  measured: readonly MeasuredMethod[],
): MethodDecision {
  const common = { lineRate, measured };
  const pageRate = ({ bytesPerSecond, ratio }: MeasuredMethod): number =>
    Math.min(bytesPerSecond * threads, lineRate / Math.max(ratio, Number.EPSILON));
  const most = Math.max(...measured.map(pageRate));
  const [best] = measured
    .filter((method) => pageRate(method) * AS_GOOD >= most)
    .toSorted((a, b) => b.bytesPerSecond - a.bytesPerSecond);
  const line = `the line takes ${rate(lineRate)}`;
  if (best === undefined) {
    return { ...common, name: 'none', reason: `${line}, and no method could be tried on this guest` };
  }
  const tried = `${best.name} would move ${rate(pageRate(best))} of pages (ratio ${best.ratio.toFixed(2)}, ${rate(best.bytesPerSecond)} a thread)`;
  return pageRate(best) >= WORTH_IT * lineRate
    ? { ...common, name: best.name, reason: `${line}; ${tried}` }
    : { ...common, name: 'none', reason: `${line}; ${tried}, which is not ${WORTH_IT} times as much` };
}

function rate(bytesPerSecond: number): string {
  return bytesPerSecond >= 1e9
    ? `${(bytesPerSecond / 1e9).toFixed(2)} GB/s`
    : `${(bytesPerSecond / 1e6).toFixed(1)} MB/s`;
}

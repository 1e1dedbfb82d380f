/** Decides when to stop the guest from the figures of a round. Pure. */

export interface RoundFigures {
  /** Pages handled in the round: sent with content or found zero. */
  readonly handledPages: number;
  /** Pages dirty at its end. */
  readonly dirtyPages: number;
  /** ms. */
  readonly duration: number;
  /** Bytes. */
  readonly pageSize: number;
  /** Bytes a second, 0 unlimited. */
  readonly maxBandwidth: number;
}

/**
 * ms that the guest would stand still if it were stopped now. The rate is that of the last round's pages, zero
 * pages among them, but never above the bandwidth limit. Undefined while no rate is known.
 */
export function expectedDowntime(round: RoundFigures): number | undefined {
  if (round.dirtyPages === 0) return 0;
  if (round.handledPages === 0) return undefined;
  const measured = (round.handledPages * round.pageSize * 1000) / Math.max(round.duration, 0.001);
  const rate = round.maxBandwidth > 0 ? Math.min(measured, round.maxBandwidth) : measured;
  return (round.dirtyPages * round.pageSize * 1000) / rate;
}

/** Whether the guest dirties memory about as fast as it is sent: more rounds would not converge. */
export function isStalled(round: RoundFigures, expected: number | undefined, downtimeLimit: number): boolean {
  if (expected !== undefined && expected <= downtimeLimit) return false;
  return round.handledPages > 0 && round.dirtyPages >= 0.9 * round.handledPages;
}

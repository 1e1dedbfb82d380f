import { MultifdError } from '../../errors.js';
import type { LimitAction } from '../../parameters.js';

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

/** A live guest is sent at least this many times over while it runs, so that the rate of its writes is known. */
const LIVE_ROUNDS = 2;

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

/** What decides behind a round of a running guest. */
export interface RoundEnd {
  /** Rounds so far, from 1. */
  readonly round: number;
  /** ms; undefined while no rate is known. */
  readonly expected: number | undefined;
  /** ms. */
  readonly downtimeLimit: number;
  /** 0: no limit. */
  readonly maxRounds: number;
  readonly limitAction: LimitAction;
  /** The guest stands still already. */
  readonly suspended: boolean;
}

/** What comes behind a round: another one, the last one with the guest stopped, or the end. */
export type NextStep = 'round' | 'switchover' | 'give-up';

export function nextStep(end: RoundEnd): NextStep {
  const { round, expected, downtimeLimit, maxRounds, limitAction, suspended } = end;
  if (suspended) return 'switchover';
  const isLast = maxRounds > 0 && round >= maxRounds;
  const fits = expected !== undefined && expected <= downtimeLimit;
  if (fits && (isLast || round >= LIVE_ROUNDS)) return 'switchover';
  if (!isLast) return 'round';
  return limitAction === 'suspend' ? 'switchover' : 'give-up';
}

/** What is known of the guest's pace and the line's when a limit is reached. */
export interface Pace {
  /** Bytes a second that the guest dirties; undefined before a round of a running guest is over. */
  readonly dirtyRate: number | undefined;
  /** Bytes of memory a second that move, zero pages included. */
  readonly rate: number;
  /** Bytes that are left to send. */
  readonly remaining: number;
}

/** The pace of the round that is just over. */
export function paceOf({
  dirtyPages,
  handledPages,
  duration,
  pageSize,
}: Omit<RoundFigures, 'maxBandwidth'>): Pace & { readonly dirtyRate: number } {
  const perSecond = (pages: number): number => (pages * pageSize * 1000) / Math.max(duration, 0.001);
  return {
    dirtyRate: perSecond(dirtyPages),
    rate: perSecond(handledPages),
    remaining: dirtyPages * pageSize,
  };
}

/** The error of a migration that has reached its limit. @param limit `3 rounds`, `60000 ms`. */
export function doesNotConverge(limit: string, { dirtyRate, rate, remaining }: Pace): MultifdError {
  const dirties = dirtyRate === undefined ? '' : `the guest dirties ${mib(dirtyRate)}/s, `;
  return new MultifdError(
    'timeout',
    `the migration has not converged within ${limit}: ${dirties}${mib(rate)}/s move, and ${mib(remaining)} are left`,
    {
      hint: 'raise maxBandwidth, use more multifdChannels, slow the guest down (autoConverge), allow a longer downtimeLimit, or let limitAction suspend it',
    },
  );
}

function mib(bytes: number): string {
  const amount = bytes / 2 ** 20;
  return `${amount < 10 ? amount.toFixed(1) : Math.round(amount)} MiB`;
}

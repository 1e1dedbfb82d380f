/** What is kept of the measurements: pure shapes, and how lines of samples are told from others. */
import type { RestGuest } from './guests.ts';

export const OPERATIONS = ['first', 'later', 'restore'] as const;
export type Operation = (typeof OPERATIONS)[number];

/** Of each process. Null: there was none. */
export interface Sides {
  readonly qemu: number;
  readonly multifd: number | null;
}

/** What one operation took. */
export interface Cost {
  /** From the order until the guest is on the disk, or in QEMU. */
  readonly ms: number;
  /** ms until QEMU let go of its guest; null: of a restore, in which it waits all the time. */
  readonly waited: number | null;
  /** ms. */
  readonly cpu: Sides;
  /** Bytes. */
  readonly peakRss: Sides;
}

export interface Sample extends Cost {
  /** Bytes of disk that this snapshot added; null: of a restore. */
  readonly disk: number | null;
  /** Share of all cores that something else used right before, 0 to 1. */
  readonly others: number;
  /** Load average of a minute right before. */
  readonly load: number;
}

/** Samples of one contender, by turn: those of the same number were taken one after the other. */
export interface Series {
  readonly guest: RestGuest;
  readonly operation: Operation;
  readonly contender: string;
  readonly samples: readonly Sample[];
}

/** Adds a sample to those of its series, behind all others if it is the first. */
export function withSample(
  all: readonly Series[],
  { guest, operation, contender }: Omit<Series, 'samples'>,
  sample: Sample,
): Series[] {
  const isIt = (each: Series) =>
    each.operation === operation &&
    each.contender === contender &&
    each.guest.size === guest.size &&
    each.guest.content === guest.content;
  if (!all.some(isIt)) return [...all, { guest, operation, contender, samples: [sample] }];
  return all.map((each) => (isIt(each) ? { ...each, samples: [...each.samples, sample] } : each));
}

/** `list` from its place `by` on, and then what was before: who begins changes from round to round. */
export function rotated<T>(list: readonly T[], by: number): T[] {
  const at = list.length === 0 ? 0 : by % list.length;
  return [...list.slice(at), ...list.slice(0, at)];
}

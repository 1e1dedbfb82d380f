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
    each.operation === operation && each.contender === contender && isSame(each.guest, guest);
  if (!all.some(isIt)) return [...all, { guest, operation, contender, samples: [sample] }];
  return all.map((each) => (isIt(each) ? { ...each, samples: [...each.samples, sample] } : each));
}

function isSame(one: RestGuest, other: RestGuest): boolean {
  return one.size === other.size && one.content === other.content;
}

/** Rounds of a guest in which all of `contenders` have a sample of each of `operations`. */
export function roundsOf(
  all: readonly Series[],
  guest: RestGuest,
  contenders: readonly string[],
  operations: readonly Operation[] = OPERATIONS,
): number {
  const counts = operations.flatMap((operation) =>
    contenders.map((contender) => {
      const isIt = (each: Series) =>
        isSame(each.guest, guest) && each.operation === operation && each.contender === contender;
      return all.find(isIt)?.samples.length ?? 0;
    }),
  );
  return Math.min(...counts);
}

/** Without samples to which another contender has none: those of the same number belong together. */
export function wholeTurns(all: readonly Series[], contenders: readonly string[]): Series[] {
  return all
    .map((each) => {
      const whole = roundsOf(all, each.guest, contenders, [each.operation]);
      return { ...each, samples: each.samples.slice(0, whole) };
    })
    .filter(({ samples }) => samples.length > 0);
}

/** `list` from its place `by` on, and then what was before: who begins changes from round to round. */
export function rotated<T>(list: readonly T[], by: number): T[] {
  const at = list.length === 0 ? 0 : by % list.length;
  return [...list.slice(at), ...list.slice(0, at)];
}

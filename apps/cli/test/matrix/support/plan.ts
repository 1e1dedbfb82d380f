/** How long, and in what order. From the environment, which `pnpm matrix` sets. */
export interface Plan {
  /** ms in which combinations are begun. */
  readonly duration: number;
  /** ms until a test hangs. */
  readonly limit: number;
  /** 0 to 2^32-1. */
  readonly seed: number;
  /** Impossible combinations to be tried, at most. */
  readonly refusals: number;
  /** File for the result; undefined: one line on stderr. */
  readonly result: string | undefined;
}

/** Minutes of the form that continuous integration runs. */
const BOUNDED = 1.75;

/** @throws Error for what is no number. */
export function readPlan(): Plan {
  const minutes = numberFrom('MULTIFD_MATRIX_MINUTES', BOUNDED);
  const seed = numberFrom('MULTIFD_SEED', Math.floor(Math.random() * 2 ** 32));
  const duration = minutes * 60_000;
  return {
    duration,
    limit: duration + 600_000,
    seed,
    refusals: minutes > BOUNDED ? Number.POSITIVE_INFINITY : 8,
    result: process.env.MULTIFD_MATRIX_RESULT || undefined,
  };
}

function numberFrom(name: string, otherwise: number): number {
  const text = process.env[name];
  const value = text === undefined || text === '' ? otherwise : Number(text);
  if (value >= 0 && value < 2 ** 32) return value;
  throw new Error(`${name}=${text}: not a number from 0 to 2^32-1`);
}

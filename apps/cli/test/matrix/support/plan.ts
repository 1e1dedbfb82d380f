/** How long, and in what order. From the environment, which `pnpm matrix` sets. */
export interface Plan {
  /** ms in which combinations are begun; undefined: until every pair of values was held once. */
  readonly duration: number | undefined;
  /** ms until a test hangs. */
  readonly limit: number;
  /** 0 to 2^32-1. */
  readonly seed: number;
  /** Impossible combinations to be tried, at most. */
  readonly refusals: number;
  /** File for the result; undefined: one line on stderr. */
  readonly result: string | undefined;
}

/** ms until what is not as long as it was told to be hangs: a busy machine may take long. */
const PATIENCE = 600_000;

/** @throws Error for what is no number. */
export function readPlan(): Plan {
  const minutes = numberFrom('MULTIFD_MATRIX_MINUTES');
  const seed = numberFrom('MULTIFD_SEED') ?? Math.floor(Math.random() * 2 ** 32);
  const duration = minutes === undefined ? undefined : minutes * 60_000;
  return {
    duration,
    limit: (duration ?? PATIENCE) + PATIENCE,
    seed,
    refusals: minutes === undefined ? 8 : Number.POSITIVE_INFINITY,
    result: process.env.MULTIFD_MATRIX_RESULT || undefined,
  };
}

function numberFrom(name: string): number | undefined {
  const text = process.env[name];
  if (text === undefined || text === '') return undefined;
  const value = Number(text);
  if (value >= 0 && value < 2 ** 32) return value;
  throw new Error(`${name}=${text}: not a number from 0 to 2^32-1`);
}

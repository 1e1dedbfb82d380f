import { type ErrorCode, MultifdError } from '@multifd/core';
import { expect } from 'vitest';

export type Outcome<T> =
  | { readonly ok: true; readonly value: T; readonly ms: number }
  | { readonly ok: false; readonly error: unknown; readonly ms: number };

/** How a promise ends. Fails if it does not end within `limit` ms: a bound against hangs, not a measure. */
export async function outcomeOf<T>(promise: Promise<T>, what: string, limit = 45_000): Promise<Outcome<T>> {
  const start = performance.now();
  const ms = (): number => performance.now() - start;
  const end = promise.then(
    (value): Outcome<T> => ({ ok: true, value, ms: ms() }),
    (error: unknown): Outcome<T> => ({ ok: false, error, ms: ms() }),
  );
  return inTime(end, what, limit);
}

/** `promise`, or a failure that says what did not end in time. */
export async function inTime<T>(promise: Promise<T>, what: string, limit = 45_000): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} did not end within ${limit} ms`)), limit);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** The outcome must be a MultifdError of one of these kinds, with a message of one line. */
export function expectFailure(
  outcome: Outcome<unknown>,
  codes: ErrorCode | readonly ErrorCode[],
  message?: RegExp,
): MultifdError {
  if (outcome.ok) throw new Error('expected a failure, but it completed');
  const { error } = outcome;
  if (!MultifdError.is(error)) throw error;
  expect(typeof codes === 'string' ? [codes] : codes, error.message).toContain(error.code);
  if (message !== undefined) expect(error.message).toMatch(message);
  expect(error.message).not.toMatch(/[\n\r]/);
  expect(error.message.length).toBeGreaterThan(10);
  return error;
}

/** The value of an outcome that must be good. */
export function expectValue<T>(outcome: Outcome<T>): T {
  if (!outcome.ok) throw outcome.error;
  return outcome.value;
}

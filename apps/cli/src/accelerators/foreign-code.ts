import { setTimeout as wait } from 'node:timers/promises';
import { MultifdError } from '@multifd/core';

/** ms that opening, or one sample, may take: an accelerator that never answers must not hold the command. */
const PATIENCE = 60_000;

/** ms that all detectors may take to close. */
const CLOSING = 1000;

/**
 * Does other people's work: what goes wrong with it has its name.
 *
 * @throws MultifdError `accelerator` if it fails or takes too long, or whatever `signal` was aborted with.
 */
export async function inItsName<T>(
  name: string,
  work: () => T | Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  signal.throwIfAborted();
  const over = new AbortController();
  const limit = AbortSignal.any([signal, over.signal]);
  const late = wait(PATIENCE, undefined, { signal: limit }).then(() => {
    throw new MultifdError('accelerator', `accelerator ${name} gave no answer within ${PATIENCE} ms`);
  });
  try {
    return await Promise.race([(async () => work())(), late]);
  } catch (error) {
    signal.throwIfAborted();
    throw MultifdError.from(error, 'accelerator', `accelerator ${name} failed`);
  } finally {
    over.abort();
    late.catch(() => {});
  }
}

/** One that does not close is not waited for: the process ends without it. What fails has nothing to add. */
export async function closeAll(closing: readonly (() => void | Promise<void>)[]): Promise<void> {
  const closed = new AbortController();
  const late = wait(CLOSING, undefined, { signal: closed.signal }).catch(() => {});
  await Promise.race([Promise.allSettled(closing.map(async (close) => close())), late]);
  closed.abort();
}

/**
 * Words of shared memory that several threads wait on. A writer writes the words, then calls `change(words,
 * sequence)`; a waiter reads the sequence, then the words, and sleeps only if the sequence has not changed since. So
 * no wake-up is lost.
 */

/** Wakes all threads that wait on `sequence`, to check again. */
export function change(words: Int32Array, sequence: number): void {
  Atomics.add(words, sequence, 1);
  Atomics.notify(words, sequence);
}

/**
 * Waits, without blocking this thread's event loop, until `ready` returns something other than undefined.
 * `ready` may throw to end the wait.
 */
export async function waitUntil<T>(
  words: Int32Array,
  sequence: number,
  ready: () => T | undefined,
): Promise<T> {
  for (;;) {
    const seen = Atomics.load(words, sequence);
    const result = ready();
    if (result !== undefined) return result;
    const sleep = Atomics.waitAsync(words, sequence, seen);
    if (sleep.async) await sleep.value;
  }
}

/**
 * Words of shared memory that several threads wait on. A change is `change(words, sequence)` after the words
 * were written; a wait reads the sequence first, looks at the words, and sleeps only if nothing has changed
 * since: so no wake-up is ever lost.
 */

/** Tells everybody who waits on `sequence` to look again. */
export function change(words: Int32Array, sequence: number): void {
  Atomics.add(words, sequence, 1);
  Atomics.notify(words, sequence);
}

/**
 * Waits, without blocking this thread's event loop, until `ready` gives something else than undefined.
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

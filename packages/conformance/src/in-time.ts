import assert from 'node:assert/strict';

/** @throws AssertionError if it takes longer than `timeout` ms. A call that never returns cannot be stopped. */
export async function inTime<T>(answer: T | Promise<T>, timeout: number, what: string): Promise<T> {
  if (!isThenable(answer)) return answer;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new assert.AssertionError({ message: `${what} took longer than ${timeout} ms` })),
      timeout,
    );
  });
  return Promise.race([answer, late]).finally(() => clearTimeout(timer));
}

/** Whatever `await` would wait for: a promise of another realm, or of a library. */
function isThenable(value: unknown): boolean {
  return typeof value === 'object' && value !== null && typeof Reflect.get(value, 'then') === 'function';
}

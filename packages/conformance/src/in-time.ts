import assert from 'node:assert/strict';

/** @throws AssertionError if it takes longer than `timeout` ms. A call that never returns cannot be stopped. */
export async function inTime<T>(answer: T | Promise<T>, timeout: number, what: string): Promise<T> {
  if (!(answer instanceof Promise)) return answer;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new assert.AssertionError({ message: `${what} took longer than ${timeout} ms` })),
      timeout,
    );
  });
  return Promise.race([answer, late]).finally(() => clearTimeout(timer));
}

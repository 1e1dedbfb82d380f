import { MultifdError } from '../errors.js';

/**
 * Waits for `answer`, but no longer than `timeout` ms.
 * @throws MultifdError `timeout` that begins with `what`.
 */
export async function inTime<T>(
  answer: Promise<T>,
  timeout: number,
  what: string,
  hint?: string,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const error = new MultifdError(
      'timeout',
      `${what} within ${timeout} ms`,
      hint === undefined ? {} : { hint },
    );
    timer = setTimeout(() => reject(error), timeout);
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}

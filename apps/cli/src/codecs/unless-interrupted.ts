import { cancelled } from '../interrupt.js';

/** ms that the command gets to say why it ends. */
const LAST_WORD = 1_000;

/**
 * Waits for somebody's module, until the user does not want to any longer. Nothing has begun yet: what the module has
 * left behind, a timer or a connection, does not keep the command from ending.
 *
 * @throws MultifdError `cancelled`.
 */
export async function unlessInterrupted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const interrupted = Promise.withResolvers<never>();
  const stop = (): void => {
    setTimeout(() => process.exit(), LAST_WORD).unref();
    interrupted.reject(cancelled());
  };
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  try {
    return await Promise.race([work, interrupted.promise]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

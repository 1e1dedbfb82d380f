import type { IncomingConnection } from '../transport/incoming.js';
import { encodePong } from '../wire/return-path.js';

/** ms between two signs. */
const INTERVAL = 1_000;

/**
 * While a source waits for our word, which may take long (fsync, the next destination), shows it that somebody is
 * there: a PONG that nobody asked for, which QEMU ignores.
 * @param wanted false if the source does not listen.
 */
export async function showingLife<T>(
  connection: IncomingConnection,
  wanted: boolean,
  work: Promise<T>,
): Promise<T> {
  if (!wanted) return work;
  const signs = setInterval(() => connection.write(encodePong(0)), INTERVAL);
  try {
    return await work;
  } finally {
    clearInterval(signs);
  }
}

import type { IncomingConnection } from '../transport/incoming.js';
import { encodePong } from '../wire/return-path.js';

/** ms between two PONGs. */
const INTERVAL = 1_000;

/**
 * While a source waits for our reply, which may take long (opening RAM, fsync, the next destination), sends it unsolicited PONGs,
 * which QEMU ignores, to show that this end is alive.
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

import { setTimeout as delay } from 'node:timers/promises';
import type { Started } from './command.js';
import { socketsOf } from './process-usage.js';
import { hold } from './warm.js';

/**
 * Memory for a destination whose source takes its time: it starts, and makes its guest first. Keeps `bytes` of touched
 * memory until the source that `start` starts has connected, and frees it then.
 *
 * @param destination its process, which listens.
 * @param start starts the source.
 * @returns what `start` returned.
 */
export async function warmUntilConnected(
  bytes: number,
  destination: number,
  start: () => Started,
  signal: AbortSignal,
): Promise<Started> {
  const idle = socketsOf(destination);
  const holder = await hold(bytes, signal);
  const source = start();
  while (
    source.child.exitCode === null &&
    source.child.signalCode === null &&
    socketsOf(destination) === idle
  ) {
    await delay(2, undefined, { signal });
  }
  await holder.release();
  return source;
}

import { MultifdError } from '@multifd/core';
import type { Destination } from '../options/places.js';
import type { LoopbackDestination } from './destination.js';

/** Where to connect to. @param timeout ms for the loopback's process to say it. */
export async function addressOf(
  destination: Destination,
  loopback: LoopbackDestination | undefined,
  signal: AbortSignal,
  timeout: number,
): Promise<string> {
  if (destination.kind === 'address') return destination.address;
  if (loopback === undefined) throw new MultifdError('internal', 'loopback has no process');
  return loopback.address(signal, timeout);
}

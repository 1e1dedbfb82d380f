import type { ChildProcess } from 'node:child_process';
import { childrenOf, connected, eventually } from './cli.js';

/** A migration that would go on for a minute: long enough to do something to it. */
export const SLOW = ['demo:256M,dirty=1M', '--max-bandwidth', '4M', '--json'];
/** ms; an end within seconds, with room for a busy machine. */
const SOON = 15_000;

/** Fails when that takes longer than `SOON`. */
export async function endsSoon<T>(ended: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('it did not end')), SOON);
  });
  return Promise.race([ended, late]).finally(() => clearTimeout(timer));
}

/** The process id of a loopback's destination, once it is connected. */
export async function loopbackConnected(source: ChildProcess): Promise<number> {
  await eventually('a loopback destination', () => childrenOf(source.pid).length === 1);
  const [destination = 0] = childrenOf(source.pid);
  await connected(destination);
  return destination;
}

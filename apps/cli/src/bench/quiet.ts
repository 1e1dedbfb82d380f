import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
// With its own ending: the programs in `bench/` use this file as it is.
import { TICK } from './process-usage.ts';

/** ms over which is looked. */
const LOOK = 300;
/** Share of all cores that others may use. */
const QUIET = 0.1;
/** ms that a sample waits at most; then it is taken as it is, and says so. */
const PATIENCE = 2_000;

/**
 * Waits until nothing else works on this machine, so that a sample is of its contender alone.
 * @returns share of all cores that was in use when it was last looked, 0 to 1.
 */
export async function quiet(signal: AbortSignal): Promise<number> {
  const deadline = performance.now() + PATIENCE;
  for (;;) {
    const before = busyMs();
    const began = performance.now();
    await delay(LOOK, undefined, { signal });
    const share = (busyMs() - before) / ((performance.now() - began) * cpus().length);
    if (share < QUIET || performance.now() > deadline) return Math.round(share * 1000) / 1000;
  }
}

/** Time of all cores so far that was not idle: what the hypervisor took included. */
function busyMs(): number {
  const [line = ''] = readFileSync('/proc/stat', 'latin1').split('\n', 1);
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = line
    .trim()
    .split(/\s+/)
    .slice(1)
    .map(Number);
  return (user + nice + system + irq + softirq + steal) * TICK;
}

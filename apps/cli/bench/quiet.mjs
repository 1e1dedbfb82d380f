/** Waits until nothing else works on this machine, so that a sample is of its contender alone. */
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';

/** ms over which is looked. */
const LOOK = 300;
/** Share of all cores that others may use. */
const QUIET = 0.1;
/** ms that a sample waits at most; then it is taken as it is, and says so. */
const PATIENCE = 2_000;

/** @returns share of all cores that was in use when it was last looked, 0 to 1. */
export async function quiet() {
  const deadline = performance.now() + PATIENCE;
  for (;;) {
    const before = busyMs();
    const began = performance.now();
    await delay(LOOK);
    const share = (busyMs() - before) / ((performance.now() - began) * cpus().length);
    if (share < QUIET || performance.now() > deadline) return Math.round(share * 1000) / 1000;
  }
}

/** Time of all cores so far that was not idle: what the hypervisor took included. */
function busyMs() {
  const columns = readFileSync('/proc/stat', 'latin1')
    .split('\n', 1)[0]
    .trim()
    .split(/\s+/)
    .slice(1)
    .map(Number);
  const [user, nice, system, , , irq, softirq, steal] = columns;
  return (user + nice + system + irq + softirq + steal) * 10;
}

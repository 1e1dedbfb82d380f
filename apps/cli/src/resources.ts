import { readFileSync } from 'node:fs';
import type { PreparedGuest } from './guest/prepared-guest.js';

/** Measures what this process uses from its creation on. */
export class ResourceClock {
  readonly #start = process.cpuUsage();
  readonly #faults = pageFaults();

  /** ms of CPU, user and system, all threads. */
  elapsed(): number {
    const { user, system } = process.cpuUsage(this.#start);
    return (user + system) / 1000;
  }

  /** Page faults of all threads, those that needed no disk too. */
  faults(): number {
    return pageFaults() - this.#faults;
  }
}

function pageFaults(): number {
  const { minorPageFault, majorPageFault } = process.resourceUsage();
  return minorPageFault + majorPageFault;
}

/**
 * CPU time in ms without the guest's own. Null if that is not to be had, because its thread has died: no reason to
 * fail for a migration whose guest has left.
 *
 * @param note gets a line about that.
 */
export async function withoutGuest(
  elapsed: number,
  guest: Pick<PreparedGuest, 'cpuTime'>,
  note: (line: string) => void,
): Promise<number | null> {
  try {
    return elapsed - (await guest.cpuTime());
  } catch (error) {
    note(`the CPU time is not known: ${error instanceof Error ? error.message : String(error)}`);
    return null;
  }
}

/** Most memory that this process had resident at any time, in bytes. */
export function peakRss(): number {
  // getrusage's maximum survives exec, so that a process would report its parent's memory as its own.
  const [, kibibytes] = /^VmHWM:\s+(\d+) kB$/m.exec(statusFile()) ?? [];
  return (kibibytes === undefined ? process.resourceUsage().maxRSS : Number(kibibytes)) * 1024;
}

function statusFile(): string {
  try {
    return readFileSync('/proc/self/status', 'latin1');
  } catch {
    return '';
  }
}

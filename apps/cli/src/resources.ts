import { readFileSync } from 'node:fs';

/** Measures this process's CPU time from its creation on. */
export class CpuClock {
  readonly #start = process.cpuUsage();

  /** ms, user and system, all threads. */
  elapsed(): number {
    const { user, system } = process.cpuUsage(this.#start);
    return (user + system) / 1000;
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

import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** ms of a clock tick in /proc, everywhere that Node runs. */
export const TICK = 10;

/** What a process has used so far. */
export interface Usage {
  /** ms of CPU, user and system, all threads. */
  readonly cpu: number;
  /** Page faults, those that needed no disk too. */
  readonly faults: number;
}

/** @throws a system error if the process is gone. */
export function usageOf(pid: number): Usage {
  const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  // Behind the name, which may hold anything; the first one is the state.
  const columns = text
    .slice(text.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  const [minor = 0, , major = 0, , user = 0, system = 0] = columns.slice(7);
  return { cpu: (user + system) * TICK, faults: minor + major };
}

/** Most memory that a process had resident at any time, in bytes. */
export function peakRssOf(pid: number): number {
  const [, kibibytes] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1')) ?? [];
  return Number(kibibytes) * 1024;
}

/** Sockets that a process has open; 0: it is gone. */
export function socketsOf(pid: number): number {
  try {
    const folder = `/proc/${pid}/fd`;
    return readdirSync(folder).filter((number) => isSocket(`${folder}/${number}`)).length;
  } catch {
    return 0;
  }
}

function isSocket(link: string): boolean {
  try {
    return readlinkSync(link).startsWith('socket:');
  } catch {
    return false;
  }
}

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
  const [minor = 0, , major = 0, , user = 0, system = 0] = statOf(pid).slice(7).map(Number);
  return { cpu: (user + system) * TICK, faults: minor + major };
}

/** When a process began, in the kernel's ticks since it booted; undefined if there is none. */
export function startOf(pid: number): string | undefined {
  try {
    return statOf(pid)[19];
  } catch {
    return undefined;
  }
}

/** Fields of /proc/PID/stat (proc(5)) from the third on, the state. @throws a system error if the process is gone. */
function statOf(pid: number): readonly string[] {
  const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  // Behind the name, which may hold anything.
  return text.slice(text.lastIndexOf(')') + 2).split(' ');
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

import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { isRecord } from '../format/head.js';

/** A process, so that another one can tell whether it is still there. */
export interface Owner {
  readonly host: string;
  /** Of this boot, and of this pid namespace; null where there is no /proc. */
  readonly scope: string | null;
  readonly pid: number;
  /** In the kernel's ticks since boot: a pid comes again. */
  readonly start: string | null;
}

export function thisProcess(): Owner {
  return { host: hostname(), scope: scope(), pid: process.pid, start: startOf(process.pid) ?? null };
}

/** Whether it is known to have ended. Undefined: that cannot be told from here. */
export function hasEnded({ scope: where, pid, start }: Owner): boolean | undefined {
  if (where === null || start === null || where !== scope()) return undefined;
  return startOf(pid) !== start;
}

export function isOwner(value: unknown): value is Owner {
  return (
    isRecord(value) &&
    typeof value.host === 'string' &&
    (value.scope === null || typeof value.scope === 'string') &&
    typeof value.pid === 'number' &&
    Number.isSafeInteger(value.pid) &&
    value.pid > 0 &&
    (value.start === null || typeof value.start === 'string')
  );
}

function scope(): string | null {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
    return `${boot} ${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    // Not a Linux, or a sandbox without /proc.
    return null;
  }
}

/** Field 22 of its stat; undefined: there is no such process, or it is a zombie. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name, in parentheses, may hold anything.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { isRecord } from '../format/head.js';
import { codeOf } from '../objects/disk-error.js';

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
  const { pid, start } = parseStat(readStat('self')) ?? {};
  // Another pid: this /proc is that of another pid namespace, and says nothing of our processes.
  return {
    host: hostname(),
    scope: scope(),
    pid: process.pid,
    start: pid === process.pid ? (start ?? null) : null,
  };
}

/** What can be seen of a process. */
export interface Sight {
  /** The kernel knows no such process. */
  readonly isGone: boolean;
  /** Its /proc/PID/stat; undefined: it cannot be read, as under hidepid or a security module. */
  readonly stat: string | undefined;
}

/** Whether it is known to have ended. Undefined: that cannot be told from here. @param look for tests. */
export function hasEnded(owner: Owner, look: (pid: number) => Sight = lookAt): boolean | undefined {
  const { scope: where, pid, start } = owner;
  if (where === null || start === null || where !== scope()) return undefined;
  const { isGone, stat } = look(pid);
  if (isGone) return true;
  const found = parseStat(stat);
  // Of another pid: see `thisProcess`.
  if (found === undefined || found.pid !== pid) return undefined;
  return found.isZombie || found.start !== start;
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

function lookAt(pid: number): Sight {
  let isGone = false;
  try {
    process.kill(pid, 0);
  } catch (cause) {
    isGone = codeOf(cause) === 'ESRCH';
  }
  return { isGone, stat: readStat(pid) };
}

function readStat(pid: number | 'self'): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return undefined;
  }
}

/** Fields 1, 3 and 22. The name before the third, in parentheses, may hold anything. */
function parseStat(stat: string | undefined) {
  const match = /^(\d+) \(.*\) (\S)((?: \S+){18}) (\d+) /s.exec(stat ?? '');
  if (match === null) return undefined;
  return { pid: Number(match[1]), isZombie: match[2] === 'Z', start: match[4] };
}

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** What a limit of the system leaves to this process. */
export interface Room {
  /** Remaining amount, in the limit's unit. */
  readonly free: number;
  readonly limit: number;
}

/** A process's limits; undefined where there is no such limit, or the system does not tell. */
export interface SystemLimits {
  /** RLIMIT_NOFILE. */
  readonly openFiles: Room | undefined;
  /** RLIMIT_NPROC, which counts all threads of the user. Undefined for root, who is exempt. */
  readonly userThreads: Room | undefined;
  /** `pids.max` of the control group that leaves the least. */
  readonly groupThreads: Room | undefined;
  /** RLIMIT_AS, bytes. */
  readonly addressSpace: Room | undefined;
}

/** No migration needs more threads: above this limit we do not count the user's threads. */
const MANY_THREADS = 8192;

/** Reads the limits of this process. @param root root of the file system; tests have their own. */
export function readSystemLimits(root = '/'): SystemLimits {
  const self = join(root, 'proc/self');
  const limits = read(join(self, 'limits'));
  return {
    openFiles: room(softLimit(limits, 'Max open files'), () => entries(join(self, 'fd'))),
    userThreads: userThreads(root, softLimit(limits, 'Max processes')),
    groupThreads: groupThreads(root, read(join(self, 'cgroup'))),
    addressSpace: room(softLimit(limits, 'Max address space'), () => {
      const [, kibibytes] = /^VmSize:\s+(\d+) kB$/m.exec(read(join(self, 'status')) ?? '') ?? [];
      return kibibytes === undefined ? undefined : Number(kibibytes) * 1024;
    }),
  };
}

function room(limit: number | undefined, used: () => number | undefined): Room | undefined {
  if (limit === undefined) return undefined;
  const now = used();
  return now === undefined ? undefined : { free: Math.max(0, limit - now), limit };
}

function softLimit(limits: string | undefined, name: string): number | undefined {
  const [, soft] = new RegExp(`^${name}\\s+(\\d+)`, 'm').exec(limits ?? '') ?? [];
  return soft === undefined ? undefined : Number(soft);
}

function userThreads(root: string, limit: number | undefined): Room | undefined {
  const uid = process.getuid?.() ?? 0;
  if (uid === 0 || limit === undefined) return undefined;
  if (limit > MANY_THREADS) return { free: limit, limit };
  return room(limit, () => {
    const processes = list(join(root, 'proc')).filter((name) => /^\d+$/.test(name));
    return processes.reduce((sum, name) => {
      const status = read(join(root, 'proc', name, 'status')) ?? '';
      const [, owner] = /^Uid:\s+(\d+)/m.exec(status) ?? [];
      const [, threads] = /^Threads:\s+(\d+)/m.exec(status) ?? [];
      return Number(owner) === uid ? sum + Number(threads ?? 0) : sum;
    }, 0);
  });
}

/** The limit of the process's group or of any group above it, whichever leaves the least. */
function groupThreads(root: string, groups: string | undefined): Room | undefined {
  const rooms: Room[] = [];
  for (const line of (groups ?? '').trim().split('\n')) {
    const [hierarchy, controllers = '', path = '/'] = line.split(':');
    const isUnified = hierarchy === '0' && controllers === '';
    if (!isUnified && !controllers.split(',').includes('pids')) continue;
    const top = join(root, 'sys/fs/cgroup', isUnified ? '' : 'pids');
    for (let group = path; ; group = dirname(group)) {
      const limit = Number(read(join(top, group, 'pids.max')) ?? Number.NaN);
      const used = Number(read(join(top, group, 'pids.current')) ?? Number.NaN);
      if (Number.isFinite(limit - used)) rooms.push({ free: Math.max(0, limit - used), limit });
      if (group === dirname(group)) break;
    }
  }
  return rooms.sort((a, b) => a.free - b.free)[0];
}

function entries(path: string): number | undefined {
  const names = list(path);
  return names.length === 0 ? undefined : names.length;
}

function list(path: string): readonly string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return undefined;
  }
}

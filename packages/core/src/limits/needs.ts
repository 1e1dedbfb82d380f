import { MultifdError } from '../errors.js';
import { channelThreads } from './channel-threads.js';
import { readSystemLimits, type SystemLimits } from './system-limits.js';
import { poolSize, poolThreadsToCome } from './thread-pool.js';

/** Open files of a thread's event loop; measured. */
const FILES_PER_THREAD = 5;
/** Open files of a connection; measured. */
const FILES_PER_CONNECTION = 2;
/** Other open files: listener, guest memory, modules while they load. */
const FILES_BESIDE = 12;
/** Threads of a newly started Node process, without libuv's pool; measured. */
const THREADS_OF_NODE = 7;
/** Address space in bytes that V8 reserves for a thread; measured 842 MiB on x64. */
const SPACE_PER_THREAD = 850 * 2 ** 20;

/** Worker threads of one process. */
export interface ThreadNeeds {
  /** Threads that it will start. */
  readonly threads: number;
  /** Their connections. Default: one each. */
  readonly connections?: number;
  /** What of them it would start with the fewest channels, one on each side. */
  readonly least: number;
  /** The parameter for fewer channels, in hints. Default `multifdChannels`. */
  readonly parameter?: string;
}

/** What any program needs that reads files or makes keys: Node aborts if its own threads for that cannot start. */
export const NO_THREADS: ThreadNeeds = { threads: 0, least: 0 };

/**
 * @param beside threads that are there with any number of channels, main's among them.
 * @param share whether channels can share threads: without TLS, if the host package can, and not in a relay.
 */
export function threadsOf(
  channels: number,
  beside: number,
  share = false,
): ThreadNeeds & { readonly connections: number } {
  const threads = channelThreads(channels, share) + beside;
  return { threads, connections: channels + beside, least: 1 + beside };
}

/** Of a relay: main's, and the channels of both sides. Fewer can help on a side that has more than one. */
export function relayThreads(incoming: number, outgoing: number): ThreadNeeds {
  const sides = [
    ...(incoming > 1 ? ['multifdChannels'] : []),
    ...(outgoing > 1 ? ['outgoing.multifdChannels'] : []),
  ];
  return { threads: incoming + 1 + outgoing, least: 3, parameter: sides.join(' and ') };
}

/**
 * Checks, before the first thread starts, that the system's limits allow the threads that a migration needs: if the
 * tenth were refused, nine would have to be stopped, and Node aborts when address space runs out.
 *
 * @param own what this process will start.
 * @param others what each other process will start on this machine, under the same limits.
 * @throws MultifdError `io` that names the limit and what to do.
 */
export function checkLimits(
  own: ThreadNeeds,
  others: readonly ThreadNeeds[] = [],
  limits: SystemLimits = readSystemLimits(),
): void {
  const { threads, connections = threads, parameter = 'multifdChannels' } = own;
  const { openFiles, userThreads, groupThreads, addressSpace } = limits;
  const files = filesOf(threads, connections);
  const all = [own, ...others];
  const tasks = tasksOf(all.map((each) => each.threads));
  const ofChannels = threads > 0 || others.length > 0;
  const least = tasksOf(all.map((each) => each.least));
  if (openFiles !== undefined && openFiles.free < files) {
    throw tooLittle(
      ofChannels && filesOf(own.least, own.least) <= openFiles.free ? parameter : undefined,
      `${needing(threads, connections)} ${files} more open files, and of ${openFiles.limit} (RLIMIT_NOFILE) ${openFiles.free} are left`,
      'ulimit -n',
    );
  }
  requireThreads(tasks, ofChannels ? { least, parameter } : undefined, { groupThreads, userThreads });
  const space = threads * SPACE_PER_THREAD;
  if (addressSpace !== undefined && addressSpace.free < space) {
    const mebibytes = (bytes: number) => `${Math.floor(bytes / 2 ** 20)} MiB`;
    throw tooLittle(
      own.least * SPACE_PER_THREAD <= addressSpace.free ? parameter : undefined,
      `${threads} threads need ${mebibytes(space)} more address space, and of ${mebibytes(addressSpace.limit)} (RLIMIT_AS) ${mebibytes(addressSpace.free)} are left`,
      'ulimit -v',
    );
  }
}

/**
 * Checks that the system lets this process have `count` more threads: for a library that starts them and ends the process
 * if it cannot, as drivers of graphics cards do.
 * @throws MultifdError `io` that names the limit and what to do.
 */
export function checkThreads(count: number, limits: SystemLimits = readSystemLimits()): void {
  requireThreads(count, undefined, limits);
}

function filesOf(threads: number, connections: number): number {
  return threads * FILES_PER_THREAD + connections * FILES_PER_CONNECTION + FILES_BESIDE;
}

/** Threads that are started on this machine. @param workers of this process, then of each that it starts. */
function tasksOf([own = 0, ...others]: readonly number[]): number {
  const each = THREADS_OF_NODE + poolSize();
  return own + poolThreadsToCome() + others.reduce((sum, other) => sum + other + each, 0);
}

/** @param fewest what the fewest channels need; undefined: it is not about channels. */
function requireThreads(
  count: number,
  fewest: { readonly least: number; readonly parameter: string } | undefined,
  { groupThreads, userThreads }: Pick<SystemLimits, 'groupThreads' | 'userThreads'>,
): void {
  if (groupThreads !== undefined && groupThreads.free < count) {
    throw tooLittle(
      fewest !== undefined && fewest.least <= groupThreads.free ? fewest.parameter : undefined,
      `${count} more threads are needed, and of ${groupThreads.limit} (pids.max of the control group) ${groupThreads.free} are left`,
      'pids.max (--pids-limit of a container)',
    );
  }
  if (userThreads !== undefined && userThreads.free < count) {
    throw tooLittle(
      fewest !== undefined && fewest.least <= userThreads.free ? fewest.parameter : undefined,
      `${count} more threads are needed, and of ${userThreads.limit} for this user (RLIMIT_NPROC) ${userThreads.free} are left`,
      'ulimit -u',
    );
  }
}

function needing(threads: number, connections: number): string {
  if (threads === 0) return 'this needs';
  return threads === connections ? `${threads} threads need` : `${connections} connections need`;
}

/** @param parameter for fewer channels; undefined: that would not help. */
function tooLittle(parameter: string | undefined, what: string, limit: string): MultifdError {
  const fewer = parameter === undefined ? '' : `take fewer channels (${parameter}), or `;
  return new MultifdError('io', what, { hint: `${fewer}raise ${limit}` });
}

/** A resource that the system ran out of, and what to do. */
export interface Shortage {
  readonly what: string;
  readonly hint: string;
}

const FEWER = 'take fewer channels (multifdChannels), or raise';
const FILES: Shortage = { what: 'no more open files', hint: `${FEWER} the limit on open files: ulimit -n` };
const THREADS: Shortage = {
  what: 'no more threads, or no memory for one',
  hint: `${FEWER} what is too small: ulimit -u, ulimit -n, ulimit -v, or pids.max of the control group`,
};
const MEMORY: Shortage = {
  what: 'not enough memory, or address space',
  hint: `${FEWER} what is too small: free memory, ulimit -v, or the memory limit of the control group`,
};

const SPACE: Shortage = {
  what: 'no space left',
  hint: 'free space on that file system (blocks or inodes), or name another place',
};

const FILE_SIZE: Shortage = {
  what: 'larger than a file may be here',
  hint: 'raise ulimit -f, or name a place on a file system that takes larger files',
};
/** Node starts no thread where it cannot say where it stands. */
const DIRECTORY: Shortage = {
  what: 'the working directory was removed',
  hint: 'start it in a directory that stays',
};

const BY_CODE: Readonly<Record<string, Shortage>> = {
  EMFILE: FILES,
  ENFILE: FILES,
  EAGAIN: THREADS,
  ERR_WORKER_INIT_FAILED: THREADS,
  ERR_WORKER_OUT_OF_MEMORY: MEMORY,
  ENOMEM: MEMORY,
  ENOSPC: SPACE,
  EDQUOT: SPACE,
  EFBIG: FILE_SIZE,
};

/** The shortage that caused an error; undefined for any other error. */
export function shortageOf(error: unknown): Shortage | undefined {
  if (!(error instanceof Error)) return undefined;
  if (/process\.cwd failed|uv_cwd/.test(error.message)) return DIRECTORY;
  const code: unknown = Reflect.get(error, 'code');
  if (typeof code === 'string' && Object.hasOwn(BY_CODE, code)) {
    // For a thread that did not start, Node gives the cause only in the message.
    return BY_CODE[/EMFILE|ENFILE|ENOMEM/.exec(error.message)?.[0] ?? code];
  }
  // As of Node that reads a package.json for a thread: the code tells of a bad one.
  if (/too many open files|file table overflow/i.test(error.message)) return FILES;
  const isMemory = /array buffer allocation failed|could not allocate memory/i.test(error.message);
  return error instanceof RangeError && isMemory ? MEMORY : undefined;
}

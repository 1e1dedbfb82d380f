import { getSystemErrorMap } from 'node:util';
import { MultifdError, shortageOf } from '@multifd/core';

/** What the operating system says of a path that cannot be right as it was given, and what to do about it. */
const WRONG_PATH: Readonly<Record<string, string>> = {
  ENOENT: 'check the path',
  ENOTDIR: 'something on the path is no directory: check it',
  EISDIR: 'it is a directory: name a file',
  EACCES: 'check who may use it, and the directories above it',
  EPERM: 'check who may use it, and the directories above it',
  EROFS: 'nothing can be written there: name another place',
  ENAMETOOLONG: 'use a shorter path, or one relative to where you are',
  ENXIO: 'it is a pipe that nobody reads from, or a device that is not there',
  ELOOP: 'its symbolic links lead in a circle',
};

/** Whether it is the operating system that refused something. Node's own errors name no system call. */
export function isSystemError(value: unknown): value is Error {
  return value instanceof Error && 'syscall' in value && typeof value.syscall === 'string';
}

/**
 * The error for a path of the user's that the system refused: `usage` with what to do if the path or its
 * permissions are at fault, else `io` (disk full, too many open files).
 *
 * @param what one line that names the path.
 */
export function pathError(cause: unknown, what: string): MultifdError {
  if (!isSystemError(cause)) return MultifdError.from(cause, 'io', what);
  const [code, text] = described(cause);
  const message = `${what}: ${text}`;
  const hint = Object.hasOwn(WRONG_PATH, code) ? WRONG_PATH[code] : undefined;
  if (hint === undefined) {
    const shortage = shortageOf(cause);
    return new MultifdError('io', message, {
      ...(shortage === undefined ? {} : { hint: shortage.hint }),
      cause,
    });
  }
  return new MultifdError('usage', message, { hint, cause });
}

/** Does what is asked of the system with a path of the user's. @throws MultifdError as `pathError` has it. */
export function withPath<T>(what: string, call: () => T): T {
  try {
    return call();
  } catch (cause) {
    throw pathError(cause, what);
  }
}

/**
 * The same for something new in a directory that is there: then it is not the path that is missing, but a file system that
 * makes nothing there (proc), or a directory that has just been removed.
 */
export function withPlace<T>(what: string, call: () => T): T {
  try {
    return call();
  } catch (cause) {
    if (!isSystemError(cause) || described(cause)[0] !== 'ENOENT') throw pathError(cause, what);
    throw new MultifdError('usage', `${what}: it is there, but takes nothing new (ENOENT)`, {
      cause,
      hint: 'name another place: this file system makes nothing there, or the directory has just been removed',
    });
  }
}

/** The error's code, and the system's words without the path, which Node repeats at any length. */
function described(error: Error): readonly [code: string, text: string] {
  const errno = 'errno' in error && typeof error.errno === 'number' ? error.errno : 0;
  const [code, text] = getSystemErrorMap().get(errno) ?? [undefined, error.message];
  if (code !== undefined) return [code, `${text} (${code})`];
  return ['code' in error && typeof error.code === 'string' ? error.code : '', text];
}

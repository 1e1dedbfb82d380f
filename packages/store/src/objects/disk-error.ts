import { getSystemErrorMap } from 'node:util';
import { MultifdError } from '@multifd/core/ram';

const HINTS: Readonly<Record<string, string>> = {
  EACCES: 'check who may use it, and the directories above it',
  EPERM: 'check who may use it; the file system must have hard links',
  EROFS: 'nothing can be written there',
  ENOTDIR: 'something on the path is no directory: check it',
  EOPNOTSUPP: 'the file system must have hard links: name a place on another one',
};

/** What the system has refused, in our words: `usage` if the place or its permissions are at fault, else `io`. */
export function storeError(cause: unknown, what: string): MultifdError {
  if (MultifdError.is(cause)) return cause;
  const code = codeOf(cause);
  if (code === 'ENOSPC' || code === 'EDQUOT') return noSpace(cause, what);
  const hint = code === undefined || !Object.hasOwn(HINTS, code) ? undefined : HINTS[code];
  if (hint === undefined) return MultifdError.from(cause, 'io', what);
  const errno =
    cause instanceof Error && 'errno' in cause && typeof cause.errno === 'number' ? cause.errno : 0;
  const text = getSystemErrorMap().get(errno)?.[1] ?? code;
  return new MultifdError('usage', `${what}: ${text} (${code})`, { hint, cause });
}

/** A gc needs a little room for its lease; to remove a snapshot needs none, and makes some. */
function noSpace(cause: unknown, what: string): MultifdError {
  const { message, hint } = MultifdError.from(cause, 'io', what);
  const own =
    'in the store, `multifd store rm` removes a snapshot, and `multifd store gc` then frees what no other needs';
  return new MultifdError('io', message, { cause, hint: hint === undefined ? own : `${hint}; ${own}` });
}

export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

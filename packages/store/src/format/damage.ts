import { MultifdError } from '@multifd/core/ram';

/** The error of an object whose bytes are not as the format has them. @param what names the object. */
export function damaged(what: string, fault: string): MultifdError {
  return new MultifdError('protocol', `${what} is damaged: ${fault}`, {
    hint: '`multifd store verify` says what else is; restore the store from a copy, or remove the snapshots that need it',
  });
}

/** The error of an object that a later version may have written. */
export function otherVersion(what: string, version: number, known: number): MultifdError {
  return new MultifdError(
    'incompatible',
    `${what}: format version ${version}, and this multifd knows ${known}`,
    {
      hint: 'use the multifd that wrote it, or a later one',
    },
  );
}

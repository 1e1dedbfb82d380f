import { MultifdError } from '../errors.js';

/** A blocking call's error, under the connection's name. */
export function named(where: string, cause: unknown): MultifdError {
  const error = MultifdError.from(cause, 'io', where);
  return new MultifdError(error.code, `${where}: ${error.message}`, {
    cause,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
  });
}

/** The source closed the connection where more must come. @param isCut TLS did not end: somebody on the way may have. */
export function cutShort(where: string, expected: string, got: number, isCut: boolean): MultifdError {
  const cut = isCut ? ', or somebody cut it: TLS did not end' : '';
  const what = `${where}: the source closed it after ${got} of ${expected}${cut}`;
  return new MultifdError('peer-closed', what, { hint: "see the source's own message" });
}

/** The connection of `where` broke. */
export function broken(where: string, cause: Error): MultifdError {
  return new MultifdError('peer-closed', `${where}: the connection broke: ${cause.message}`, { cause });
}

/** The connection of `where` was closed, and its peer has not ended it. */
export function closed(where: string): MultifdError {
  return new MultifdError('peer-closed', `${where}: the connection is closed`);
}

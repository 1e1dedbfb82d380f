import { type ErrorCode, MultifdError } from '@multifd/core/host';

/** The codes that the addon uses. */
const CODES: ReadonlySet<string> = new Set<ErrorCode>([
  'usage',
  'io',
  'internal',
  'cancelled',
  'timeout',
  'peer-closed',
]);

function isCode(value: unknown): value is ErrorCode {
  return typeof value === 'string' && CODES.has(value);
}

/** Calls the addon. @throws MultifdError with the code that it gave, and `where` in front of its message if given. */
export function attempt<T>(call: () => T, where?: string): T {
  try {
    return call();
  } catch (cause) {
    throw translate(cause, where);
  }
}

function translate(cause: unknown, where: string | undefined): MultifdError {
  if (MultifdError.is(cause)) return cause;
  const [what = '', hint] = (cause instanceof Error ? cause.message : String(cause)).split('\n');
  const code: unknown = cause instanceof Error ? Reflect.get(cause, 'code') : undefined;
  const message = where === undefined ? what : `${where}: ${what}`;
  return new MultifdError(isCode(code) ? code : 'internal', message, {
    cause,
    ...(hint === undefined ? {} : { hint }),
  });
}

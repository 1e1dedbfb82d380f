import { type GuestPlace, MultifdError, shortageOf } from '@multifd/core';
import { isSystemError } from '../system-error.js';
import { plain } from './format.js';
import { inOptions } from './option-names.js';
import { asTyped } from './typed-modules.js';

/**
 * `error` as one of the kinds that we know, if it is one: what the operating system refused is no mistake of ours,
 * wherever it came up.
 */
export function knownError(error: unknown): MultifdError | undefined {
  if (MultifdError.is(error)) return error;
  // A limit of the system, or whatever else it refused.
  const shortage = shortageOf(error);
  if (!isSystemError(error) && shortage === undefined) return undefined;
  const { message } = error instanceof Error ? error : { message: String(error) };
  return new MultifdError('io', message, {
    cause: error,
    ...(shortage === undefined ? {} : { hint: shortage.hint }),
  });
}

/** With the names of options and modules that the user knows. */
function inWords(text: string): string {
  return asTyped(inOptions(text));
}

/** An error as the user reads it: what happened, then what to do. Ours alone keep their stack. */
export function formatError(error: unknown): string {
  const known = knownError(error);
  if (known !== undefined && known.code !== 'internal') {
    const hint = known.hint === undefined ? '' : `hint: ${plain(inWords(known.hint))}\n`;
    return `multifd: ${plain(inWords(known.message))}\n${hint}`;
  }
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return `multifd: this is a mistake of ours; please report it with the command that you ran\n${stack}\n`;
}

/** The members that a JSON document has when something went wrong. */
export interface FailureMembers {
  /** `cancelled` only if it was the user who stopped it. */
  readonly status: 'failed' | 'cancelled';
  /** Kind of error: core's `ErrorCode`, or `internal`. */
  readonly 'error-class': string;
  readonly 'error-desc': string;
  readonly hint?: string;
}

/** What went wrong when the guest had left already, so that nobody takes it for a migration that failed. */
export function afterCompletion(error: unknown): unknown {
  const known = knownError(error);
  if (known === undefined || known.code === 'internal') return error;
  // It knows better (`checkFarewell`).
  if (known.guest === 'either') return error;
  const words = 'the guest has left its source: it must run at the destination only';
  return new MultifdError(known.code, known.message, {
    cause: known.cause,
    hint: known.hint === undefined ? words : `${known.hint}; ${words}`,
    guest: 'destination',
  });
}

/** Who has the guest now: the error's own word, which comes from what both ends have agreed on. */
export function guestAt(completed: boolean, error: unknown): GuestPlace | undefined {
  const guest = knownError(error)?.guest;
  return completed && guest !== 'either' ? 'destination' : guest;
}

export function failureMembers(error: unknown): FailureMembers {
  const known = knownError(error);
  const code = known?.code ?? 'internal';
  return {
    status: code === 'cancelled' ? 'cancelled' : 'failed',
    'error-class': code,
    'error-desc': known === undefined ? unknownMessage(error) : inWords(known.message),
    ...(known?.hint === undefined ? {} : { hint: inWords(known.hint) }),
  };
}

function unknownMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

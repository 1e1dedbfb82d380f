import { MultifdError } from '@multifd/core';
import { plain } from './format.js';

/** An error as the user reads it: what happened, then what to do. Ours alone keep their stack. */
export function formatError(error: unknown): string {
  if (MultifdError.is(error) && error.code !== 'internal') {
    const hint = error.hint === undefined ? '' : `hint: ${plain(error.hint)}\n`;
    return `multifd: ${plain(error.message)}\n${hint}`;
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

export function failureMembers(error: unknown): FailureMembers {
  const known = MultifdError.is(error) ? error : undefined;
  const code = known?.code ?? 'internal';
  return {
    status: code === 'cancelled' ? 'cancelled' : 'failed',
    'error-class': code,
    'error-desc': error instanceof Error ? error.message : String(error),
    ...(known?.hint === undefined ? {} : { hint: known.hint }),
  };
}

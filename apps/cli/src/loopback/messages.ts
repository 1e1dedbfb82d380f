import { type ErrorReport, MultifdError } from '@multifd/core';
import { isRecord } from '../guards.js';
import type { GuestReport } from '../guest/prepared-guest.js';
import { knownError } from '../report/errors.js';

/** What the loopback destination tells the process that started it, over Node's IPC channel. */
export type LoopbackMessage =
  | { readonly type: 'listening'; readonly address: string }
  | { readonly type: 'finished'; readonly guest?: GuestReport }
  | { readonly type: 'failed'; readonly error: ErrorReport };

/** Tells the parent; does nothing in a process that has none, or has lost it. */
export function tellParent(message: LoopbackMessage): void {
  if (process.connected) process.send?.(message);
}

export function errorReport(error: unknown): ErrorReport {
  return (knownError(error) ?? MultifdError.from(error, 'internal', 'unexpected')).toReport();
}

/** The other process is the same program: the kind is checked, so that a stray message does no harm. */
export function isLoopbackMessage(value: unknown): value is LoopbackMessage {
  if (!isRecord(value)) return false;
  if (value.type === 'listening') return typeof value.address === 'string';
  if (value.type === 'failed') return isRecord(value.error) && typeof value.error.message === 'string';
  return value.type === 'finished';
}

import type { ErrorReport } from '../../errors.js';
import type { TlsPeer } from './credentials.js';

/** From the end that decrypts (`TlsTerminal`) to the one that reads. */
export type FromTerminal =
  /** The client has proven itself: bytes follow. */
  | { readonly type: 'secure'; readonly peer: TlsPeer }
  /** The client is refused, and the connection is closed. */
  | { readonly type: 'refused'; readonly reason: ErrorReport }
  /** Decrypted bytes; never more than were asked for. */
  | { readonly type: 'bytes'; readonly chunks: readonly Uint8Array[] }
  /** The client sends no more. `cut`: it has not said so (no close_notify). */
  | { readonly type: 'ended'; readonly cut: boolean }
  /** The connection broke. */
  | { readonly type: 'broken'; readonly message: string }
  /** The kernel has taken what the oldest `write` brought. */
  | { readonly type: 'taken' }
  /** The connection is closed. */
  | { readonly type: 'closed' }
  /** Answer to `probe`: everything that had arrived by then was reported. */
  | { readonly type: 'probed' };

/** From the end that reads. */
export type ToTerminal =
  /** So many more bytes may be sent. */
  | { readonly type: 'more'; readonly bytes: number }
  | { readonly type: 'write'; readonly bytes: Uint8Array }
  /** No more writes follow. */
  | { readonly type: 'end' }
  /** Drops the connection; what was written before `end` still goes out. */
  | { readonly type: 'destroy' }
  | { readonly type: 'probe' };

/** Bytes that the end that reads gets before it asks for more: what a first look may take. */
export const FIRST_WINDOW = 16 * 1024;

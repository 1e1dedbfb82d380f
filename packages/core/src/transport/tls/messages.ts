import type { ErrorReport } from '../../errors.js';
import type { TlsPeer } from './credentials.js';
import type { TrafficSecret } from './traffic-secret.js';

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
  /**
   * Answer to `detach`: this end reads no more, and all bytes that it has passed on came before. Absent: it stays.
   */
  | { readonly type: 'detached'; readonly session?: DetachedTls }
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
  | { readonly type: 'probe' }
  /** The end that reads wants to decrypt by itself. */
  | { readonly type: 'detach' }
  /** It never will. */
  | { readonly type: 'stays' };

/** What it takes to decrypt the rest of a connection. */
export interface DetachedTls extends TrafficSecret {
  /** The socket's. Its owner keeps it open until it is told to drop the connection, or dies: then the number may be another's. */
  readonly fd: number;
  /** Of the descriptor: no other socket has it. */
  readonly inode: bigint;
  /** All bytes that have come, as they were on the wire. */
  readonly received: Uint8Array;
  /** Decrypted bytes of them that were passed on. */
  readonly taken: number;
}

/** Bytes that the end that reads gets before it asks for more: what a first look may take. */
export const FIRST_WINDOW = 16 * 1024;

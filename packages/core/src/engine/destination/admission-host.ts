import type { MultifdError } from '../../errors.js';
import type { Handover } from '../../transport/handover.js';
import type { TlsPeer } from '../../transport/tls/credentials.js';

/** What admission tells the migration. */
export interface AdmissionHost {
  /** A connection was refused; the wait goes on. */
  refused(peer: string, reason: string): void;
  /**
   * A source has begun: its main stream has come to RAM. Called once, and again after `withdrawn`.
   * @param mayHaveLetGo whether it lets go of its guest without waiting for an answer.
   */
  introduced(mayHaveLetGo: boolean): void;
  /** The source that had begun is gone before its connections were complete: the wait goes on, for the next one. */
  withdrawn(): void;
  /** The migration cannot complete. */
  failed(error: MultifdError): void;
  /**
   * Hands a connection to its thread.
   * @param channel undefined: main.
   * @param head the bytes that were read of it.
   * @throws if the socket is gone.
   */
  handOver(channel: number | undefined, connection: Handover, peer: string, head: Uint8Array): void;
  /** All connections were handed over. @param tls who their source is, if they use TLS. */
  complete(tls: TlsPeer | undefined): void;
}

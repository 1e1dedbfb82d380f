import type { GuestPlace, MultifdError } from '../../errors.js';
import type { ReceivedState } from '../../recv/main-host.js';
import type { FirstFailure } from '../../thread/first-failure.js';
import type { GuestWord } from '../../thread/guest-place.js';
import type { TlsPeer } from '../../transport/tls/credentials.js';
import type { DestinationStatistics } from '../statistics.js';
import type { FoundBlocks, IncomingThreadData, ToIncomingThread } from './messages.js';

/** What a destination does with what it receives: keeps it (`receive`), or sends it on (`relay`). */
export interface DestinationRole<Result> {
  /** First failure of all threads, the role's own too. */
  readonly failures: FirstFailure;
  /** What an incoming thread runs, started with what `threadData` makes of what all of them need. */
  readonly entry: 'incoming' | 'relay-incoming';
  threadData(data: IncomingThreadData): IncomingThreadData;
  /** Whether channels may share threads. */
  readonly sharesThreads: boolean;
  /** Whether a source that asks for a report gets one. */
  readonly reports: boolean;
  /** Starts what the role needs besides the incoming threads. */
  open(onFailure: (error: MultifdError) => void): void;
  /** The blocks are known. Gives what every incoming thread has to know before it reads pages. */
  place(found: FoundBlocks, machineType: string): Promise<ToIncomingThread>;
  /**
   * @param guest who has the guest, as far as the source is concerned.
   * @param tls who the source is, if its connections use TLS.
   */
  result(
    machineType: string,
    received: ReceivedState,
    statistics: DestinationStatistics,
    guest: GuestPlace,
    tls: TlsPeer | undefined,
  ): Result;
  /** Everything has arrived, and the source is not told yet: makes it durable, or throws. */
  commit(result: Result): Promise<void>;
  /** The report that was asked for; undefined if main's thread gets it by itself. */
  report(result: Result): Promise<Uint8Array | undefined>;
  /**
   * Tries to stop the guest here. False if a relay's outgoing side has handed it over, or may have: then only main's
   * thread can tell how this ends, and does so in bounded time.
   */
  tryAbort(): boolean;
  /** Whether a failure tells the source anything: not if a connection of its own has ended. */
  isNews(failure: MultifdError): boolean;
  /** Main's thread says why the next destination fails, or drops a connection. */
  heard(reason: MultifdError): void;
  /** Of a relay: its main stream to the destination uses TLS. */
  secured(peer: TlsPeer): void;
  /** The next destination has closed main, or main's thread has failed: no reason can arrive any more. */
  returnPathEnded(): void;
  /** After main's thread has failed: stops waiting for the next destination's answer. */
  settle(): void;
  /** Who has the guest, for errors. @param incoming as the incoming side knows it (`DestinationControl.guest`). */
  word(incoming: GuestPlace): GuestWord;
  /** The migration is over: ends the role's threads and waits for them. Does not throw. */
  close(completed: boolean): Promise<void>;
}

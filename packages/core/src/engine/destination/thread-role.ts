import type { MainHost } from '../../recv/main-host.js';
import type { PageSink } from '../../recv/page-sink.js';
import type { CounterRow } from '../../thread/counters.js';
import type { ThreadPort } from '../../thread/port.js';
import type { FromIncomingThread, ToIncomingThread } from './messages.js';

export type IncomingPort = ThreadPort<ToIncomingThread, FromIncomingThread>;

/**
 * What one incoming thread does with what arrives: keeps it here (`receive`), or sends it on (`relay`). The thread's
 * entry chooses, so that a destination does not import the relay.
 */
export interface ThreadRole {
  /** Of a channel: opens the sink of its pages, once the blocks are known. */
  sink(counters: CounterRow): Promise<PageSink>;
  /** Of main: what it calls while it reads. */
  main(): MainHost;
  /** Checks that the received pages reached memory. @throws MultifdError `io`. */
  intact(): void;
  /** The report, for a source that has asked for it. */
  report(): Promise<Uint8Array>;
  /**
   * The source was told that its guest has arrived. Never throws.
   * @param letGo whether it has closed main; else it may have the guest too.
   */
  sourceHasEnded(letGo: boolean): Promise<void>;
  /** Tries to abort: whether no next destination has, or will have, the guest. */
  tryAbort(): boolean;
  /** Frees everything. Does not throw. */
  close(): void;
}

/** Main was read to its end: a pending connection may still turn out to be a surplus channel. */
export async function settled(port: IncomingPort): Promise<void> {
  port.post({ type: 'ending' });
  await port.next('settled');
}

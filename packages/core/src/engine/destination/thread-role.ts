import type { MainHost } from '../../recv/main-host.js';
import type { PageSink } from '../../recv/page-sink.js';
import type { CounterRow } from '../../thread/counters.js';
import type { ThreadPort } from '../../thread/port.js';
import type { FromIncomingThread, ToIncomingThread } from './messages.js';

export type IncomingPort = ThreadPort<ToIncomingThread, FromIncomingThread>;

/**
 * What one incoming thread does with what arrives: keep it here (`receive`), or send it on (`relay`). The thread's entry
 * chooses, so that a destination knows of no relay.
 */
export interface ThreadRole {
  /** Of a channel: gives the place of its pages, once the blocks are known. */
  sink(counters: CounterRow): Promise<PageSink>;
  /** Of main: what is done with what it reads. */
  main(): MainHost;
  /** Checks that the pages which were placed are still there. @throws MultifdError `io`. */
  intact(): void;
  /** For a source that has asked. */
  report(): Promise<Uint8Array>;
  /** The source was told that its guest has arrived, and does not close main: it may have the guest too. Never throws. */
  sourceKeepsMain(): Promise<void>;
  /** Whether nobody behind us has the guest, from now on for good. */
  tryAbort(): boolean;
  /** Frees everything. Does not throw. */
  close(): void;
}

/** Everything was read: whoever else has connected may still turn out to be a channel too many. */
export async function settled(port: IncomingPort): Promise<void> {
  port.post({ type: 'ending' });
  await port.next('settled');
}

import type { PageChecker } from '../zero/page-checker.js';
import type { ConnectOrder } from './messages.js';
import type { PacketSender } from './packet-sender.js';

/** What a channel lends its page source once it is connected. */
export interface ChannelTools extends ConnectOrder {
  readonly sender: PacketSender;
  /** Undefined if nobody looks for zero pages in this thread. */
  readonly checker: PageChecker | undefined;
}

/** Where a channel's pages come from: ranges of guest RAM that it claims, or packets on their way through a relay. */
export interface PageSource {
  /** Opens what pages are read from. Called once, before the channel connects. */
  open(): Promise<void>;
  /** The channel is connected. Called once, before the first `sendEpoch`. */
  begin(tools: ChannelTools): void;
  /**
   * Gives the sender every page of epoch number `epoch`, from 1, that is this channel's to send. The channel then sends
   * the SYNC that vouches for them.
   * @returns false if there is no such epoch any more.
   * @throws MultifdError `cancelled` once the migration is off; whatever reading and checking throws.
   */
  sendEpoch(epoch: number): Promise<boolean>;
  /** Frees what `open` opened, whatever happened. Nothing reads from it any more. Does not throw. */
  close(): void;
}

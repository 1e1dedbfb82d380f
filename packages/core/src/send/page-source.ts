import type { AttachedBlock } from '../zero/detector.js';
import type { PageChecker } from '../zero/page-checker.js';
import type { ConnectOrder } from './messages.js';
import type { PacketSender } from './packet-sender.js';

/** What a channel lends its page source once it is connected. */
export interface ChannelTools extends Omit<ConnectOrder, 'addresses'> {
  readonly sender: PacketSender;
  /** Undefined if this thread does not check for zero pages. */
  readonly checker: PageChecker | undefined;
}

/** Supplies a channel's pages: ranges of guest RAM that it claims, or packets that pass through a relay. */
export interface PageSource {
  /** Opens the memory that pages are read from. Called once, before the channel connects. */
  open(): Promise<void>;
  /** The memory that `open` opened, for the detector; undefined if its pages lie in no memory of a guest. */
  blocks?(): readonly AttachedBlock[];
  /** The channel is connected. Called once, before the first `sendEpoch`. */
  begin(tools: ChannelTools): void;
  /**
   * Gives the sender every page of epoch number `epoch`, from 1, that this channel has to send. The channel then
   * sends the SYNC that vouches for them.
   * @returns false if there is no such epoch.
   * @throws MultifdError `cancelled` once the migration is off; whatever reading and checking throws.
   */
  sendEpoch(epoch: number): Promise<boolean>;
  /** Frees what `open` opened, after success or failure, once nothing reads from it. Does not throw. */
  close(): void;
}

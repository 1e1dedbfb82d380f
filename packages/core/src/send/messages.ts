import type { MigrationParameters, ZeroPageDetection } from '../parameters.js';
import type { IncomingBlock } from '../ram/incoming-ram.js';
import type { Ending } from '../thread/port.js';
import type { Address } from '../transport/address.js';
import type { SocketIoLink } from '../transport/socket-io.js';
import type { CheckPlan } from '../zero/open-checker.js';
import type { AcceleratorReplacement } from '../zero/page-checker.js';

/** What every thread of a sending side is started with. All buffers are shared, none is copied. */
export interface SendLink {
  readonly address: Address;
  readonly parameters: MigrationParameters;
  readonly uuid: Uint8Array;
  /** Target page size in bytes. */
  readonly pageSize: number;
  /** `SendControl`. */
  readonly control: SharedArrayBuffer;
  readonly counters: SharedArrayBuffer;
  readonly bandwidth: SharedArrayBuffer;
  /** Undefined: Node's streams. */
  readonly socketIo: SocketIoLink | undefined;
  readonly methodModules: readonly string[];
  readonly methodSettings: Readonly<Record<string, number | string>>;
}

/** What a channel's thread is started with, beside what its page source needs. */
export interface SendChannelData {
  readonly link: SendLink;
  /** Undefined if nobody looks for zero pages in this thread. */
  readonly check: CheckPlan | undefined;
  readonly channel: number;
}

/** What a channel is told when it may connect: of a relay's guest it is not known before. */
export interface ConnectOrder {
  /** The guest's blocks; empty on a source, whose channels have them already. */
  readonly blocks: readonly IncomingBlock[];
  readonly zeroPageDetection: ZeroPageDetection;
}

/** API thread → channel thread. */
export type ToSendChannel = ({ readonly type: 'connect' } & ConnectOrder) | { readonly type: 'abort' };

/** Channel thread → API thread. */
export type FromSendChannel =
  /** Modules are loaded, RAM is open. */
  | { readonly type: 'ready' }
  | { readonly type: 'connected' }
  /** The accelerator failed here; another one goes on. */
  | { readonly type: 'replaced'; readonly replacement: AcceleratorReplacement }
  /** The method that was chosen cannot be had here; `none` goes on. */
  | { readonly type: 'method-refused'; readonly reason: string }
  | Ending;

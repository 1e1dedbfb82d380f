import type { MigrationParameters, ZeroPageDetection } from '../parameters.js';
import type { IncomingBlock } from '../ram/incoming-ram.js';
import type { Ending } from '../thread/port.js';
import type { Address } from '../transport/address.js';
import type { HostAddresses } from '../transport/look-up.js';
import type { SocketIoLink } from '../transport/socket-io.js';
import type { ClientTls } from '../transport/tls/credentials.js';
import type { CheckPlan } from '../zero/open-checker.js';
import type { AcceleratorReplacement } from '../zero/page-checker.js';

/** Start data of every thread of a sending side. All buffers are shared, none is copied. */
export interface SendLink {
  readonly address: Address;
  /** Undefined: no TLS. */
  readonly tls: ClientTls | undefined;
  readonly parameters: MigrationParameters;
  /** ms that a connection may take no byte although some are waiting. */
  readonly lineTimeout: number;
  readonly uuid: Uint8Array;
  /** Target page size in bytes. */
  readonly pageSize: number;
  /** Buffer of the `SourceControl`. */
  readonly control: SharedArrayBuffer;
  readonly counters: SharedArrayBuffer;
  readonly bandwidth: SharedArrayBuffer;
  /** Undefined: Node's streams. */
  readonly socketIo: SocketIoLink | undefined;
  readonly methodModules: readonly string[];
  readonly methodSettings: Readonly<Record<string, number | string>>;
}

/** Start data of a channel's thread; its page source adds its own. */
export interface SendChannelData {
  readonly link: SendLink;
  /** Undefined if this thread does not check for zero pages. */
  readonly check: CheckPlan | undefined;
  readonly channel: number;
}

/** Tells a channel to connect. Carries what a relay does not know of its guest before. */
export interface ConnectOrder {
  /** The guest's blocks; empty on a source, whose channels have them already. */
  readonly blocks: readonly IncomingBlock[];
  readonly zeroPageDetection: ZeroPageDetection;
  /** The destination's, as main found them. */
  readonly addresses: HostAddresses | undefined;
}

/** API thread → channel thread. */
export type ToSendChannel = ({ readonly type: 'connect' } & ConnectOrder) | { readonly type: 'abort' };

/** Channel thread → API thread. */
export type FromSendChannel =
  /** Its modules are loaded and RAM is open. */
  | { readonly type: 'ready' }
  | { readonly type: 'connected' }
  /** The accelerator failed in this thread; another one takes over. */
  | { readonly type: 'replaced'; readonly replacement: AcceleratorReplacement }
  /** The chosen method is unavailable in this thread; it goes on with `none`. */
  | { readonly type: 'method-refused'; readonly reason: string }
  | Ending;

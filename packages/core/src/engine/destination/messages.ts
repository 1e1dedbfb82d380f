import type { ErrorReport } from '../../errors.js';
import type { MigrationParameters } from '../../parameters.js';
import type { IncomingBlock } from '../../ram/incoming-ram.js';
import type { ReceivedState } from '../../recv/main-host.js';
import type { PlacementDescriptor } from '../../recv/placer.js';
import type { Ending } from '../../thread/port.js';
import type { Handover } from '../../transport/handover.js';
import type { HostAddresses } from '../../transport/look-up.js';
import type { SocketIoLink } from '../../transport/socket-io.js';
import type { TlsPeer } from '../../transport/tls/credentials.js';
import type { ReasonMessage } from '../reason-message.js';

/** What main has announced when it comes to RAM. */
export interface FoundBlocks {
  readonly blocks: readonly IncomingBlock[];
  /** Bytes of device state that came before RAM. */
  readonly ahead: number;
  /** Of a relay: addresses of its destination. */
  readonly to?: HostAddresses | undefined;
}

/** What each of the destination's threads is started with. Its buffers are shared memory. */
export interface IncomingThreadData {
  /** The channel that the thread is for; undefined: main. */
  readonly channel: number | undefined;
  readonly parameters: MigrationParameters;
  readonly pageSize: number;
  readonly uuid: Uint8Array;
  readonly machineType: string | undefined;
  readonly control: SharedArrayBuffer;
  readonly counters: SharedArrayBuffer;
  /** Whether connections use TLS. */
  readonly tls: boolean;
  /** For channels; undefined: Node's streams. */
  readonly socketIo: SocketIoLink | undefined;
  readonly methodModules: readonly string[];
  readonly methodSettings: Readonly<Record<string, number | string>>;
}

/** API thread → incoming thread. */
export type ToIncomingThread =
  /** Its connection, which this thread owns from now on. `head`: the bytes read so far, the first record included. */
  | {
      readonly type: 'connection';
      readonly connection: Handover;
      readonly peer: string;
      readonly head: Uint8Array;
    }
  /** The RAM that receives the pages. */
  | { readonly type: 'ram'; readonly placement: PlacementDescriptor }
  /** Of a relay: the outgoing side is connected, pages may go into transit. */
  | { readonly type: 'transit'; readonly blocks: readonly IncomingBlock[] }
  /** To main: no pending connection can carry pages any more. */
  | { readonly type: 'settled' }
  /** To main: everything is durable here, so the source may be told. */
  | { readonly type: 'committed'; readonly report: boolean }
  | { readonly type: 'report'; readonly report: Uint8Array }
  /** To main, which has ended: the user cancels again, so the source gets less time to close it. */
  | { readonly type: 'leave' }
  /** `reason`: what ended the migration, for a source that wants to know. */
  | { readonly type: 'abort'; readonly reason?: ErrorReport };

/** Incoming thread → API thread. */
export type FromIncomingThread =
  | { readonly type: 'ready' }
  | { readonly type: 'configuration'; readonly machineType: string }
  | { readonly type: 'warning'; readonly message: string }
  /** Of a relay's destination. */
  | ReasonMessage
  /** Of a relay: its main stream to the destination uses TLS. */
  | { readonly type: 'secured'; readonly peer: TlsPeer }
  | ({ readonly type: 'blocks' } & FoundBlocks)
  /** Main: the whole stream was read. Main goes on once the connections are `settled`. */
  | { readonly type: 'ending' }
  | { readonly type: 'received'; readonly received: ReceivedState }
  /** The source has been told, if it waits for an answer. */
  | { readonly type: 'told' }
  /** Main's end, after `told`: false if the source waited for our answer and then did not close main in time. */
  | { readonly type: 'farewell'; readonly closed: boolean }
  | Ending;

import type { SocketIoLink } from '../../channel/socket-io.js';
import type { CheckPlan } from '../../zero/open-checker.js';
import type { AcceleratorReplacement } from '../../zero/page-checker.js';
import type { Address } from '../address.js';
import type { IncomingBlock } from '../api.js';
import type { MigrationParameters, ZeroPageDetection } from '../parameters.js';
import type { Ending } from '../thread-port.js';
import type { TransitDescriptor } from './transit.js';

/** The outgoing side, as a relay's threads share it. */
export interface RelayLink {
  readonly address: Address;
  /** Of the outgoing side, as far as they do not depend on the guest's machine type. */
  readonly parameters: MigrationParameters;
  /** Those of them that were given: the machine type does not change these (`parametersFor`). */
  readonly given: Partial<MigrationParameters>;
  readonly uuid: Uint8Array;
  readonly transit: TransitDescriptor;
  /** `SourceControl`: an epoch is opened when a cut of the incoming side is due. */
  readonly control: SharedArrayBuffer;
  readonly counters: SharedArrayBuffer;
  readonly bandwidth: SharedArrayBuffer;
  /** Undefined: Node's streams. */
  readonly socketIo: SocketIoLink | undefined;
  readonly methodModules: readonly string[];
  readonly methodSettings: Readonly<Record<string, number | string>>;
}

export interface RelayChannelData {
  readonly link: RelayLink;
  /** Undefined if nobody looks for zero pages. */
  readonly check: CheckPlan | undefined;
  readonly channel: number;
}

/** API thread → outgoing channel thread. */
export type ToRelayChannel =
  | {
      readonly type: 'connect';
      readonly blocks: readonly IncomingBlock[];
      readonly zeroPageDetection: ZeroPageDetection;
    }
  | { readonly type: 'abort' };

/** Outgoing channel thread → API thread. */
export type FromRelayChannel =
  | { readonly type: 'ready' }
  | { readonly type: 'connected' }
  /** The accelerator failed here; another one goes on. */
  | { readonly type: 'replaced'; readonly replacement: AcceleratorReplacement }
  | Ending;

import type { SocketIoLink } from '../../channel/socket-io.js';
import type { GuestRamDescriptor } from '../../ram/guest-ram.js';
import type { DeviceSection } from '../../wire/main/records.js';
import type { CheckPlan } from '../../zero/open-checker.js';
import type { AcceleratorReplacement } from '../../zero/page-checker.js';
import type { Address } from '../address.js';
import type { MigrationParameters } from '../parameters.js';
import type { Ending } from '../thread-port.js';

/** What every thread of the source is started with. All buffers are shared, none is copied. */
export interface SourceThreadData {
  readonly address: Address;
  readonly parameters: MigrationParameters;
  readonly ram: GuestRamDescriptor;
  /** Bitmaps that channel threads claim from, one for each block. */
  readonly work: readonly SharedArrayBuffer[];
  readonly uuid: Uint8Array;
  readonly control: SharedArrayBuffer;
  readonly counters: SharedArrayBuffer;
  readonly bandwidth: SharedArrayBuffer;
  /** Undefined: Node's streams. */
  readonly socketIo: SocketIoLink | undefined;
  /** Undefined for a thread that checks nothing. */
  readonly check: CheckPlan | undefined;
  readonly methodModules: readonly string[];
  readonly methodSettings: Readonly<Record<string, number | string>>;
}

export interface SourceChannelData extends SourceThreadData {
  readonly channel: number;
}

export interface SourceMigrationData extends SourceThreadData {
  readonly machineType: string;
  /** The guest may write while it migrates. */
  readonly live: boolean;
  /** Dirty bitmaps of the guest, one for each block. */
  readonly dirty: readonly SharedArrayBuffer[];
  readonly requestReport: boolean;
}

/** API thread → channel or migration thread. */
export type ToSourceThread =
  | { readonly type: 'connect' }
  | { readonly type: 'abort' }
  /** Migration thread: all channels are connected. */
  | { readonly type: 'channels-connected' }
  /** Migration thread: what goes out before the first round; one of the two is empty. */
  | {
      readonly type: 'early-state';
      readonly sections: readonly DeviceSection[];
      readonly raw: Uint8Array;
    }
  /** Migration thread: the dirty bitmaps are up to date. */
  | { readonly type: 'dirty-synced' }
  /** Migration thread: the guest stands still. */
  | {
      readonly type: 'guest-stopped';
      readonly deviceState: readonly DeviceSection[];
      /** `Guest.rawDeviceState`: goes out in place of `deviceState`. */
      readonly tail: Uint8Array | undefined;
    };

/** Channel or migration thread → API thread. */
export type FromSourceThread =
  /** Modules are loaded, RAM is open. */
  | { readonly type: 'ready' }
  | { readonly type: 'connected' }
  /** The accelerator failed here; another one goes on. */
  | { readonly type: 'replaced'; readonly replacement: AcceleratorReplacement }
  /** The method that was chosen cannot be had here; `none` goes on. */
  | { readonly type: 'method-refused'; readonly reason: string }
  | Ending
  | { readonly type: 'active' }
  | { readonly type: 'ask-early' }
  | { readonly type: 'sync-dirty' }
  | { readonly type: 'stop-guest' }
  | { readonly type: 'round'; readonly round: RoundReport }
  | { readonly type: 'completed' }
  | { readonly type: 'report'; readonly report: Uint8Array };

/** What the migration thread knows at the end of a round. */
export interface RoundReport {
  /** Looks at the dirty bitmap so far. */
  readonly dirtySyncCount: number;
  /** Pages dirty now. */
  readonly dirtyPages: number;
  /** Pages that were dirty when the round began. */
  readonly sentPages: number;
  /** ms. */
  readonly duration: number;
  /** Bytes written to all connections in this round. */
  readonly bytes: number;
  /** ms; undefined while no rate is known. */
  readonly expectedDowntime: number | undefined;
  readonly stalled: boolean;
}

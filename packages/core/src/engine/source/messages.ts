import type { LegacyCheckData } from '../../send/legacy-zero-check.js';
import type { Ending } from '../../thread/port.js';
import type { HostAddresses } from '../../transport/look-up.js';
import type { TlsPeer } from '../../transport/tls/credentials.js';
import type { Configuration } from '../../wire/main/encode.js';
import type { DeviceSection } from '../../wire/main/records.js';
import type { AcceleratorReplacement } from '../../zero/page-checker.js';
import type { ReasonMessage } from '../reason-message.js';

/** What the migration thread is started with. All buffers are shared, none is copied. */
export interface SourceMigrationData extends LegacyCheckData {
  readonly configuration: Configuration;
  /** The guest may write while it migrates. */
  readonly live: boolean;
  /** Dirty bitmaps of the guest, one for each block. */
  readonly dirty: readonly SharedArrayBuffer[];
  readonly requestReport: boolean;
  /** Whether `Guest.intact` must be called before the guest is handed over. */
  readonly asksIntact: boolean;
}

/** Device state for one place in the stream: sections, or bytes of another migration. One of the two is empty. */
export interface EarlyState {
  readonly sections: readonly DeviceSection[];
  readonly raw: Uint8Array;
}

/** API thread → migration thread. */
export type ToMigrationThread =
  /** `addresses`: the destination's. */
  | { readonly type: 'connect'; readonly addresses: HostAddresses | undefined }
  | { readonly type: 'abort' }
  /** All channels are connected. */
  | { readonly type: 'channels-connected' }
  /** What goes out around the START section of RAM. */
  | { readonly type: 'early-state'; readonly beforeRam: EarlyState; readonly behindStart: EarlyState }
  /** The dirty bitmaps are up to date. */
  | { readonly type: 'dirty-synced' }
  /** What was sent was the guest's memory (`Guest.intact`). */
  | { readonly type: 'intact' }
  /** The guest is stopped. */
  | {
      readonly type: 'guest-stopped';
      readonly deviceState: readonly DeviceSection[];
      /** `Guest.rawDeviceState`: goes out in place of `deviceState`. */
      readonly tail: Uint8Array | undefined;
    };

/** Migration thread → API thread. */
export type FromMigrationThread =
  /** Modules are loaded, RAM is open. */
  | { readonly type: 'ready' }
  /** `tls`: who the destination is; undefined without TLS. `addresses`: where the channels find it, too. */
  | {
      readonly type: 'connected';
      readonly tls: TlsPeer | undefined;
      readonly addresses: HostAddresses | undefined;
    }
  | ReasonMessage
  /** The accelerator failed here, and another one replaced it. */
  | { readonly type: 'replaced'; readonly replacement: AcceleratorReplacement }
  | Ending
  | { readonly type: 'active' }
  | { readonly type: 'ask-early' }
  | { readonly type: 'sync-dirty' }
  | { readonly type: 'stop-guest' }
  | { readonly type: 'ask-intact' }
  | { readonly type: 'round'; readonly round: RoundReport }
  /** The guest is to be slowed down. */
  | { readonly type: 'throttle'; readonly percent: number }
  /** The stream's end is written, and the destination's answer is due. How long the last steps took, ms. */
  | { readonly type: 'sent-all'; readonly lastRound: number; readonly deviceState: number }
  | { readonly type: 'completed' }
  | { readonly type: 'report'; readonly report: Uint8Array };

/** Figures of a round, at its end. */
export interface RoundReport {
  /** Syncs of the dirty bitmap so far. */
  readonly dirtySyncCount: number;
  /** Pages dirty now. */
  readonly dirtyPages: number;
  /** Pages sent or found zero in this round. */
  readonly sentPages: number;
  /** ms. */
  readonly duration: number;
  /** Bytes written to all connections in this round. */
  readonly bytes: number;
  /** ms; undefined while no rate is known. */
  readonly expectedDowntime: number | undefined;
  readonly stalled: boolean;
}

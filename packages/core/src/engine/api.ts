import type { GuestPlace } from '../errors.js';
import type { MigrationParameters } from '../parameters.js';
import type { GuestRamDescriptor } from '../ram/guest-ram.js';
import type { IncomingBlock, IncomingRam } from '../ram/incoming-ram.js';
import type { StreamConfiguration } from '../wire/main/configuration.js';
import type { DeviceSection } from '../wire/main/records.js';
import type { AcceleratorReference } from '../zero/accelerator.js';
import type { AcceleratorReplacement } from '../zero/page-checker.js';
import type { MachineCompat } from './machine-compat.js';
import type { MethodDecision } from './source/method-decision.js';
import type { DestinationStatistics, SourceStatistics } from './statistics.js';

/** What the engine needs of a guest that is to move. */
export interface Guest {
  /**
   * Its memory. With dirty bitmaps (`ram.dirty`) the guest may run and write while it migrates, and it, or its
   * tracker, marks what was written; without them nobody writes until the migration is over.
   */
  readonly ram: GuestRamDescriptor;
  /**
   * Machine type in the configuration section; the destination may insist on it. Default `none`. Its version says how
   * a QEMU with it wants syncs and zero pages (`machineCompat`), unless `parameters` do.
   */
  readonly machineType?: string;
  /** 16 bytes; all zero by default. A destination with another uuid refuses. */
  readonly uuid?: Uint8Array;
  /**
   * What the configuration section says besides the machine type, as another migration brought it
   * (`ReceiveResult.configuration`). Default: the page size, unless it is 4096.
   */
  readonly configuration?: StreamConfiguration;
  /**
   * Called after each round but the last: merges the tracker's log into the dirty bitmaps. What is dirty then decides
   * whether the guest is stopped. Not needed if writers mark.
   */
  syncDirty?(): void | Promise<void>;
  /**
   * Stops the guest. When it is over nothing writes any more, and everything written is marked. Not called for a
   * guest without dirty bitmaps.
   */
  stop?(): void | Promise<void>;
  /** The guest runs on here: called after a failure or cancellation, if `stop` was called. */
  resume?(): void | Promise<void>;
  /**
   * The state of everything that is not RAM. Called twice: at `setup`, while the guest may still run, when only
   * sections marked `early` are taken, which go out before the first round; and once it is `stopped`, when only the
   * others are. Default: none.
   */
  deviceState?(when: 'setup' | 'stopped'): readonly DeviceSection[] | Promise<readonly DeviceSection[]>;
  /**
   * In place of `deviceState`: what is not RAM as another migration brought it (`ReceiveResult.rawDeviceState`). It is
   * sent unchanged. Called once, at setup.
   */
  rawDeviceState?(): RawDeviceState | undefined | Promise<RawDeviceState | undefined>;
  /**
   * Called when all of the memory has been read for the last time, and before the destination can have the guest:
   * whether what was read was really its memory. If it throws, the migration fails and the guest stays here. Called after a
   * failure, too, before `resume`: if it throws then, the error does not say that the guest is intact. The blocks of the
   * RAM are asked as well (`RamBlock.intact`).
   */
  intact?(): void | Promise<void>;
}

/** Device state as it stood in a stream. */
export interface RawDeviceState {
  /** Sections before the START section of RAM: QEMU 11.1 has that of virtio-mem there. Default: none. */
  readonly beforeRam?: Uint8Array;
  /** Sections between the start and the first round of RAM: that of virtio-mem, up to QEMU 10. Mostly empty. */
  readonly early: Uint8Array;
  /** Everything behind RAM, end of sections and description included. */
  readonly bytes: Uint8Array;
}

export interface MigrateOptions {
  readonly guest: Guest;
  /** `tcp:HOST:PORT` or `unix:PATH`. */
  readonly to: string;
  /** Needed unless `zeroPageDetection` is `none`. */
  readonly accelerator?: AcceleratorReference;
  /**
   * Who goes on, in this order, when the accelerator fails in the middle: what `auto` gave (`AcceleratorChoice`). None,
   * as for one that was asked for by name: then its failure ends the migration, and the guest runs on here.
   */
  readonly fallbacks?: readonly AcceleratorReference[];
  readonly parameters?: Partial<MigrationParameters>;
  /** Modules (URLs) that bring further MultiFD methods. */
  readonly methodModules?: readonly string[];
  /** Settings of the MultiFD method. */
  readonly methodSettings?: Readonly<Record<string, number | string>>;
  /**
   * Module (URL) that exports `socketIo` (`SocketIo`): the channels' threads then block in it while they send or
   * receive. Default: Node's own streams. Same bytes on the wire.
   */
  readonly socketIo?: string;
  /** Ask the destination (a multifd, not a QEMU) for its report, and wait for it after completion. */
  readonly requestReport?: boolean;
  /** Cancels: the migration ends `cancelled`, the guest runs on here. */
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: SourceEvent) => void;
}

/** QEMU's MigrationStatus, as far as we have it. */
export type MigrationStatus =
  | 'none'
  | 'setup'
  | 'active'
  | 'device'
  | 'completed'
  | 'failed'
  | 'cancelling'
  | 'cancelled';

export type SourceEvent =
  | { readonly type: 'status'; readonly status: MigrationStatus }
  /** Every 100 ms while `active`, and once at the end of each round. */
  | { readonly type: 'progress'; readonly statistics: SourceStatistics }
  /** The guest dirties memory as fast as it moves: no end in sight. Once for each round of which it is true. */
  | { readonly type: 'stalled'; readonly statistics: SourceStatistics }
  /** The accelerator failed and another one goes on. Once for each that failed, however many threads it had. */
  | { readonly type: 'accelerator-replaced'; readonly replacement: AcceleratorReplacement }
  | { readonly type: 'warning'; readonly message: string };

export interface MigrateResult {
  readonly status: 'completed';
  readonly statistics: SourceStatistics;
  /** The accelerator that ran, to the end; undefined if none did (`zeroPageDetection: 'none'`). */
  readonly accelerator: AcceleratorReference | undefined;
  /** Those before it, which failed. */
  readonly replaced: readonly AcceleratorReplacement[];
  /**
   * What `multifd-compression=auto` chose, and why; undefined if it was not asked to, or the guest was gone before it
   * knew: then nothing was compressed.
   */
  readonly compression: MethodDecision | undefined;
  /** What the destination reported, if it was asked to. */
  readonly report: Uint8Array | undefined;
}

/** Parameters that may be changed while a migration runs. */
export type LiveParameters = Pick<MigrationParameters, 'maxBandwidth' | 'downtimeLimit'>;

/** A migration that runs, on its source. */
export interface Migrating {
  /** As `migrate` has it. */
  readonly result: Promise<MigrateResult>;
  /** Its numbers now; after its end, those of the end. */
  statistics(): SourceStatistics;
  /**
   * Takes effect within 100 ms in every thread; the downtime limit when the round that runs is over.
   * @throws MultifdError `usage` for a value out of range, or a parameter that cannot be changed any more; then
   *   nothing is changed.
   */
  setParameters(changes: Partial<LiveParameters>): void;
  /** As an aborted `signal` does. */
  cancel(): void;
}

export interface ReceiveOptions {
  /** `tcp:HOST:PORT` (port 0: any free one) or `unix:PATH`. */
  readonly listen: string;
  /** Page size of the guest in bytes. Default 4096. */
  readonly pageSize?: number;
  /**
   * Gives the RAM for the announced blocks. Default: fresh shared memory. Refuse by throwing: the source's guest
   * runs on. `ahead` is how many bytes of device state came before RAM (`RawDeviceState.beforeRam`), for whoever has to
   * leave room for them.
   */
  readonly openRam?: (blocks: readonly IncomingBlock[], ahead: number) => IncomingRam | Promise<IncomingRam>;
  /** Bytes of RAM that a source may announce, all blocks together. Default 4 TiB. */
  readonly maxRam?: number;
  /** Only this machine type is accepted. Default: any. */
  readonly machineType?: string;
  /** 16 bytes; all zero by default. */
  readonly uuid?: Uint8Array;
  /** Only `multifdChannels`, `multifdCompression` and the time limits matter here. */
  readonly parameters?: Partial<MigrationParameters>;
  readonly methodModules?: readonly string[];
  readonly methodSettings?: Readonly<Record<string, number | string>>;
  /** See `MigrateOptions.socketIo`. */
  readonly socketIo?: string;
  /**
   * Makes what was received last (fsync, rename). Called when everything is here and before the source is told
   * so: if it throws, the source hears of a failure and its guest runs on there.
   */
  readonly commit?: (received: ReceiveResult) => void | Promise<void>;
  /** What to tell a source that asks for a report, at most 65535 bytes. Called after completion. */
  readonly report?: (received: ReceiveResult) => Uint8Array | Promise<Uint8Array>;
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: DestinationEvent) => void;
}

export type DestinationEvent =
  | { readonly type: 'status'; readonly status: MigrationStatus }
  | { readonly type: 'progress'; readonly statistics: DestinationStatistics }
  /** A connection was turned away and the destination goes on: a foreign client, a surplus connection. */
  | { readonly type: 'refused'; readonly peer: string; readonly reason: string }
  | { readonly type: 'warning'; readonly message: string }
  /** Of a relay: the guest's machine type has decided this about the way to the destination. */
  | { readonly type: 'machine-compat'; readonly machineType: string; readonly compat: MachineCompat }
  /** Of a relay: as `SourceEvent` has it. */
  | { readonly type: 'accelerator-replaced'; readonly replacement: AcceleratorReplacement };

/** A destination that listens. */
export interface Incoming {
  /** Where it really listens: `tcp:127.0.0.1:40213`. */
  readonly address: string;
  /**
   * Fulfilled when the guest is here; rejected with a MultifdError when it is not. The guest must run in one
   * place only: start it here only after fulfilment, and if `guest` is `destination`.
   */
  readonly result: Promise<ReceiveResult>;
  /**
   * Gives up, as an aborted `signal` does: `result` is rejected with `cancelled` unless the guest is here. Of a source that
   * does not wait for this end's word it is when everything has arrived: then a warning says that it is too late.
   */
  close(): void;
}

export interface ReceiveResult {
  readonly status: 'completed';
  /**
   * Who has the guest. `destination`: it is here, and may be started. `either`: it is here, but the source, which waited
   * for that word, did not close main within `stallTimeout` after it: QEMU 11.1 with x-colo keeps its guest then, and
   * cannot be told from others before. Look there before you start it here.
   * In `commit`, before the word: `source`; or `either` if the source does not wait for it (QEMU's capability
   * `return-path` is off). Such a source lets go of its guest with its last byte: what `commit` is given may be all there is
   * of it, also if `commit` fails.
   */
  readonly guest: GuestPlace;
  readonly machineType: string;
  readonly configuration: StreamConfiguration;
  readonly ram: GuestRamDescriptor;
  /**
   * One bitmap (`DirtyBitmap`) for each block: the pages that hold content. All others came as zero pages, or never.
   */
  readonly receivedPages: readonly SharedArrayBuffer[];
  /**
   * In the source's order, those marked `early` first; without the report request. Empty if the stream does not
   * describe them.
   */
  readonly deviceState: readonly DeviceSection[];
  /** The device parts of the stream as they came, and its description (JSON), if there was one. */
  readonly rawDeviceState: RawDeviceState & { readonly vmdesc: string | undefined };
  readonly statistics: DestinationStatistics;
}

import type { GuestPlace } from '../errors.js';
import type { MigrationParameters } from '../parameters.js';
import type { GuestRamDescriptor } from '../ram/guest-ram.js';
import type { IncomingBlock, IncomingRam } from '../ram/incoming-ram.js';
import type { GuestWord } from '../thread/guest-place.js';
import type { ClientTls, ServerTls, TlsPeer } from '../transport/tls/credentials.js';
import type { StreamConfiguration } from '../wire/main/configuration.js';
import type { DeviceSection } from '../wire/main/records.js';
import type { AcceleratorReference } from '../zero/accelerator.js';
import type { AcceleratorOption } from '../zero/option.js';
import type { AcceleratorReplacement } from '../zero/page-checker.js';
import type { MachineCompat } from './machine-compat.js';
import type { MethodDecision } from './source/method-decision.js';
import type { DestinationStatistics, RoundStatistics, SourceStatistics } from './statistics.js';

/** What the engine needs from a guest that migrates. */
export interface Guest {
  /**
   * Its memory. With dirty bitmaps (`ram.dirty`) the guest may run and write while it migrates, and it, or its
   * tracker, marks the pages written; without them nothing writes until the migration is over.
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
   * Stops the guest. Once it resolves, nothing writes any more, and everything written is marked. Not called for a guest
   * without dirty bitmaps.
   */
  stop?(): void | Promise<void>;
  /** Resumes the guest here: called after a failure or cancellation, if `stop` was called. */
  resume?(): void | Promise<void>;
  /**
   * Slows the guest down: its processors stand still for this share of the time, until the next call. Needed with
   * `autoConverge` and a guest that runs.
   * @param percent 0 to 99; 0: at full speed again, after a failure or cancellation.
   */
  throttle?(percent: number): void | Promise<void>;
  /**
   * The device state. Called twice: at `setup`, while the guest may still run, for the sections marked `early`, which
   * are sent before the first round; and once it is `stopped`, for the others. May return all of them both times. Each
   * answer is checked at once, and one that would not arrive as it is fails the migration with `guest`, before the guest
   * is handed over: a field out of range, a device twice, an early one that comes only when stopped or has changed since
   * setup, one that is missing then. Default: none.
   */
  deviceState?(when: 'setup' | 'stopped'): readonly DeviceSection[] | Promise<readonly DeviceSection[]>;
  /**
   * In place of `deviceState`: the device state as another migration brought it (`ReceiveResult.rawDeviceState`), sent
   * unchanged. Called once, at setup.
   */
  rawDeviceState?(): RawDeviceState | undefined | Promise<RawDeviceState | undefined>;
  /**
   * Checks that what was read was the guest's memory. Called after the last read, before the destination can have the
   * guest: if it throws, the migration fails and the guest stays here. Called after a failure too, before `resume`: if
   * it throws then, the error does not say that the guest is intact. RAM blocks are checked as well (`RamBlock.intact`).
   */
  intact?(): void | Promise<void>;
}

/** Device state as the bytes of a stream. */
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
  /** What finds zero pages. Needed unless `zeroPageDetection` is `none`. */
  readonly accelerator?: AcceleratorOption;
  /**
   * Replacements, in this order, if the accelerator fails. Default: those of an `AcceleratorChoice`, else none. Without
   * any, as for an accelerator that was asked for by name, its failure ends the migration, and the guest runs on here.
   * Each thread opens its own: one that shares a device is opened once in each.
   */
  readonly fallbacks?: readonly AcceleratorReference[];
  readonly parameters?: Partial<MigrationParameters>;
  /** Modules (URLs) that bring further MultiFD methods. */
  readonly methodModules?: readonly string[];
  /** Settings of the MultiFD method, by the names that it declares (`multifd-zlib-level`). */
  readonly methodSettings?: Readonly<Record<string, number | string>>;
  /**
   * Module (URL) that exports `socketIo` (`SocketIo`): the channels' threads then block in it while they send or
   * receive. Default: Node's own streams. Same bytes on the wire.
   */
  readonly socketIo?: string;
  /**
   * TLS on all connections; the destination must use it too. Default: none, and whoever sees the network sees the guest.
   * With `socketIo` of `@multifd/host-linux` that encrypts what the channels send, else Node does (`tls.channels` of the
   * result).
   */
  readonly tls?: ClientTls;
  /** Asks the destination (a multifd, not a QEMU) for its report, and waits for it after completion. */
  readonly requestReport?: boolean;
  /** Cancels: the migration ends `cancelled`, the guest runs on here. The error's `cause` is the signal's reason. */
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
  /**
   * Every 100 ms while `active`, and once at the end of each round. `round` counts from 1, which goes over all RAM.
   * `statistics` has `expectedEnd` and `expectedDowntime`, both in ms.
   */
  | { readonly type: 'progress'; readonly round: number; readonly statistics: SourceStatistics }
  /** A round is over: the guest was running, or it was the last one. */
  | { readonly type: 'round'; readonly round: RoundStatistics }
  /** `autoConverge` has slowed the guest down: its processors stand still for `percent` of the time. */
  | { readonly type: 'throttled'; readonly percent: number }
  /** The guest dirties memory as fast as it is sent: it does not converge. Once for each such round. */
  | { readonly type: 'stalled'; readonly statistics: SourceStatistics }
  /** An accelerator failed and another one replaced it. Once for each that failed, in however many threads it ran. */
  | { readonly type: 'accelerator-replaced'; readonly replacement: AcceleratorReplacement }
  | { readonly type: 'warning'; readonly message: string };

export interface MigrateResult {
  readonly status: 'completed';
  readonly statistics: SourceStatistics;
  /** The accelerator that ran last; undefined if none did (`zeroPageDetection: 'none'`). */
  readonly accelerator: AcceleratorReference | undefined;
  /** The ones before it, which failed. */
  readonly replaced: readonly AcceleratorReplacement[];
  /**
   * What `multifd-compression=auto` chose, and why; undefined without `auto`, or if the guest had left before a choice
   * was made: then nothing was compressed.
   */
  readonly compression: MethodDecision | undefined;
  /** How the connections were protected, and who the destination is; undefined without TLS. */
  readonly tls: TlsPeer | undefined;
  /** The destination's report, if it was asked for one. */
  readonly report: Uint8Array | undefined;
}

/** Parameters that can be changed while a migration runs. */
export type LiveParameters = Pick<MigrationParameters, 'maxBandwidth' | 'downtimeLimit'>;

/** Handle of a running migration, on its source. */
export interface Migrating {
  /** As `migrate` returns it. */
  readonly result: Promise<MigrateResult>;
  /** Statistics so far; after the end, the final ones. */
  statistics(): SourceStatistics;
  /**
   * Takes effect within 100 ms in every thread; the downtime limit at the end of the current round.
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
   * Opens the RAM for the announced blocks. Default: fresh shared memory. Throw to refuse: the source's guest runs on.
   * @param ahead bytes of device state that came before RAM (`RawDeviceState.beforeRam`): a file leaves room for them.
   * @param machineType as in `ReceiveResult`: the last chance to refuse a guest of a machine that is of no use here.
   */
  readonly openRam?: (
    blocks: readonly IncomingBlock[],
    ahead: number,
    machineType: string,
  ) => IncomingRam | Promise<IncomingRam>;
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
   * TLS on all connections: whoever does not prove to be a source that may connect is refused. Default: none, and
   * whoever reaches the address can be the source.
   */
  readonly tls?: ServerTls;
  /**
   * Makes what was received durable (fsync, rename). Called when everything has arrived, before the source is told: if
   * it throws, the source is told of a failure and its guest runs on there.
   */
  readonly commit?: (received: ReceiveResult) => void | Promise<void>;
  /** Makes the report for a source that asks for one, at most 65535 bytes. Called after completion. */
  readonly report?: (received: ReceiveResult) => Uint8Array | Promise<Uint8Array>;
  /** Cancels, as `Incoming.close` does. The error's `cause` is the signal's reason. */
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: DestinationEvent) => void;
}

export type DestinationEvent =
  | { readonly type: 'status'; readonly status: MigrationStatus }
  | { readonly type: 'progress'; readonly statistics: DestinationStatistics }
  /**
   * A connection was refused and the destination goes on: a foreign client, a surplus connection. A source with another
   * number of channels is refused with all its connections, and `peer` is its main's.
   */
  | { readonly type: 'refused'; readonly peer: string; readonly reason: string }
  | { readonly type: 'warning'; readonly message: string }
  /** Of a relay: what the guest's machine type wants of the outgoing side; what was given wins. */
  | { readonly type: 'machine-compat'; readonly machineType: string; readonly compat: MachineCompat }
  /** Of a relay: as `SourceEvent` has it. */
  | { readonly type: 'accelerator-replaced'; readonly replacement: AcceleratorReplacement };

/** Handle of a listening destination. */
export interface Incoming {
  /** The address in use, with the port that was chosen: `tcp:127.0.0.1:40213`. */
  readonly address: string;
  /**
   * Resolves when the guest is here; rejects with a MultifdError if it is not. The guest must run in one place only:
   * start it here only after it has resolved, and if `guest` is `destination`.
   */
  readonly result: Promise<ReceiveResult>;
  /**
   * Cancels, as an aborted `signal` does: `result` rejects with `cancelled` unless the guest is here. The guest of a
   * source that does not wait for an answer is here once everything has arrived: then a warning says that it is too late.
   */
  close(): void;
  /**
   * Who has the guest now, as far as this end knows, and that in words; undefined if none has come. For a program that ends
   * before `result` is settled: cancel first, since a source may be told of success until then.
   */
  guest(): GuestWord | undefined;
}

export interface ReceiveResult {
  readonly status: 'completed';
  /**
   * Who has the guest. `destination`: it is here, and may be started. `either`: it is here, but the source, which waited
   * for our answer, did not close main within `stallTimeout` after it. QEMU 11.1 with x-colo keeps its guest then, and
   * looks like any other source before: make sure that the guest does not run there before you start it here.
   * In `commit`, before the answer: `source`; or `either` if the source does not wait for one (QEMU's capability
   * `return-path` is off). Such a source lets go of its guest with its last byte: what `commit` gets may then be the only
   * copy, also if `commit` fails.
   */
  readonly guest: GuestPlace;
  readonly machineType: string;
  readonly configuration: StreamConfiguration;
  readonly ram: GuestRamDescriptor;
  /**
   * One bitmap (`DirtyBitmap`) for each block: the pages that hold content. All others came as zero pages or not at all.
   */
  readonly receivedPages: readonly SharedArrayBuffer[];
  /**
   * `rawDeviceState`, split into devices: in the source's order, those marked `early` first; without the report request.
   * Empty if the guest has none. Undefined if state came and the stream has no description that fits it (a QEMU with
   * suppress-vmdesc): then it cannot be split, a warning says so, and all of it is in `rawDeviceState`.
   */
  readonly deviceState: readonly DeviceSection[] | undefined;
  /** The device state of the stream as it came, whether or not it can be split; its description (JSON), if there was one. */
  readonly rawDeviceState: RawDeviceState & { readonly vmdesc: string | undefined };
  readonly statistics: DestinationStatistics;
  /** How the connections were protected, and who the source is; undefined without TLS. */
  readonly tls: TlsPeer | undefined;
}

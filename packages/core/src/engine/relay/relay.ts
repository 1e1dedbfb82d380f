import { type GuestPlace, MultifdError } from '../../errors.js';
import { checkLimits, relayThreads } from '../../limits/needs.js';
import { checkNode } from '../../limits/node-version.js';
import { startThreadPool } from '../../limits/thread-pool.js';
import { AUTO } from '../../methods/shape.js';
import { completeParameters, type MigrationParameters, type ZeroPageDetection } from '../../parameters.js';
import type { GuestWord } from '../../thread/guest-place.js';
import type { DetectorCounters } from '../../thread/offloaded.js';
import { formatAddress, parseAddress } from '../../transport/address.js';
import { impossibleDestination } from '../../transport/socket-errors.js';
import { prepareSocketIo } from '../../transport/socket-io.js';
import { tlsThreads } from '../../transport/tls/acceptor.js';
import type { ClientTls, ServerTls, TlsPeer } from '../../transport/tls/credentials.js';
import { checkClientTls, checkServerTls } from '../../transport/tls/options.js';
import { isPageSize } from '../../wire/layout.js';
import type { AcceleratorReference } from '../../zero/accelerator.js';
import { type AcceleratorOption, readAccelerator } from '../../zero/option.js';
import type { DestinationEvent } from '../api.js';
import { checkMethod, checkRelayOptions } from '../check-options.js';
import { DestinationMigration } from '../destination/migration.js';
import { emit } from '../emit.js';
import { checkUuid } from '../source/options.js';
import type { DestinationStatistics } from '../statistics.js';
import { RelayRole } from './relay-role.js';

/** A destination that takes no byte is given up before a source with the same limit gives up this relay, and hears no reason. */
const SOONER = 0.9;

export interface RelayOptions {
  /** Where the source connects to: `tcp:HOST:PORT` (port 0: any free one) or `unix:PATH`. */
  readonly listen: string;
  /** Where the guest goes: `tcp:HOST:PORT` or `unix:PATH`. */
  readonly to: string;
  /** Page size of the guest in bytes. Default 4096. */
  readonly pageSize?: number;
  /** Only this machine type is accepted. Default: any. */
  readonly machineType?: string;
  /** 16 bytes, of the guest and so of both sides; all zero by default. */
  readonly uuid?: Uint8Array;
  /** Of the incoming side: channels, method, time limits. */
  readonly incoming?: Partial<MigrationParameters>;
  /**
   * Of the outgoing side, which need not be like the incoming one. Where it does not say how to sync and where zero
   * pages go, the guest's machine type does (`machineCompat`). A destination that takes no byte is given up after nine tenths
   * of `stallTimeout`: a source with the same limit then hears why.
   */
  readonly outgoing?: Partial<MigrationParameters>;
  /** Checks the pages that the source did not check. Needed unless outgoing `zeroPageDetection` is `none`. */
  readonly accelerator?: AcceleratorOption;
  /** Replacements, in this order, if the accelerator fails. Default: those of an `AcceleratorChoice`, else none. */
  readonly fallbacks?: readonly AcceleratorReference[];
  /** Modules (URLs) that bring further MultiFD methods, for both sides. */
  readonly methodModules?: readonly string[];
  readonly methodSettings?: Readonly<Record<string, number | string>>;
  /** See `MigrateOptions.socketIo`; for the channels of both sides. */
  readonly socketIo?: string;
  /** TLS of the side to the source; see `ReceiveOptions.tls`. */
  readonly incomingTls?: ServerTls;
  /** TLS of the side to the destination; see `MigrateOptions.tls`. */
  readonly outgoingTls?: ClientTls;
  /** Cancels, as `Relaying.close` does. The error's `cause` is the signal's reason. */
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: DestinationEvent) => void;
}

/** A relay that listens. */
export interface Relaying {
  readonly address: string;
  /** Fulfilled when the guest is at its destination; rejected with a MultifdError when it is not. */
  readonly result: Promise<RelayResult>;
  /** Cancels, as an aborted `signal` does: `result` rejects with `cancelled` unless the guest has left already. */
  close(): void;
  /** As `Incoming.guest`. */
  guest(): GuestWord | undefined;
}

export interface RelayResult {
  readonly status: 'completed';
  /** See `ReceiveResult.guest`. With `either` the destination has the guest, and the source may have it too. */
  readonly guest: GuestPlace;
  readonly machineType: string;
  readonly incoming: DestinationStatistics;
  readonly outgoing: {
    /** Bytes written to all outgoing connections. */
    readonly transferred: number;
    /** Pages sent with content, and found or passed on as zero. */
    readonly normal: number;
    readonly zeroPages: number;
    readonly pageSize: number;
    /** What was given, or what the guest's machine type demands. */
    readonly zeroPageDetection: ZeroPageDetection;
    readonly multifdFlushAfterEachSection: boolean;
    readonly channelBytes: readonly number[];
    /** As `SourceStatistics.offload`. */
    readonly offload: DetectorCounters | undefined;
  };
  /** How the connections of each side were protected, and who is there; undefined without TLS. */
  readonly incomingTls: TlsPeer | undefined;
  readonly outgoingTls: TlsPeer | undefined;
}

/**
 * Stands between a source and a destination, either of which may be a QEMU: the guest's pages stream through, at most
 * 32 MiB of them inside at any time, while the number of channels, the zero-page detection, the sync mode and the
 * method may differ between the two sides.
 *
 * A source with a return path is told of success only when the destination has said so (if the outgoing side has a
 * return path too); without one it knows nothing of what happens behind its own sockets.
 *
 * @returns when it listens.
 * @throws MultifdError `usage`, `accelerator-unavailable` or `io` if it cannot.
 */
export async function relay(options: RelayOptions): Promise<Relaying> {
  checkNode();
  checkRelayOptions(options);
  const incoming = completeParameters(options.incoming);
  const outgoing = completeParameters(options.outgoing);
  const { methodModules = [], methodSettings = {} } = options;
  checkMethod(incoming.multifdCompression, { methodModules });
  checkMethod(outgoing.multifdCompression, { methodModules });
  const pageSize = options.pageSize ?? 4096;
  if (!isPageSize(pageSize)) {
    throw new MultifdError('usage', `page size ${pageSize}: must be a power of two from 4096 to 65536`);
  }
  const chosen = readAccelerator(options.accelerator, options.fallbacks);
  if (outgoing.zeroPageDetection !== 'none' && chosen.accelerator === undefined) {
    const what = `zeroPageDetection ${outgoing.zeroPageDetection}`;
    throw new MultifdError('accelerator-unavailable', `${what} needs an accelerator and none was given`);
  }
  if (outgoing.multifdCompression === AUTO) {
    throw new MultifdError(
      'usage',
      'the outgoing side of a relay cannot choose its compression: it has no guest',
      {
        hint: 'name the method that the destination uses',
      },
    );
  }
  const uuid = checkUuid(options.uuid);
  const { incomingTls, outgoingTls } = options;
  const address = parseAddress(options.to);
  checkServerTls(incomingTls);
  checkClientTls(outgoingTls, address);
  const { multifdChannels: channels } = incoming;
  const decrypting = (sockets: number): number => (incomingTls === undefined ? 0 : tlsThreads(sockets));
  const needs = relayThreads(channels, outgoing.multifdChannels);
  checkLimits({
    ...needs,
    threads: needs.threads + decrypting(channels),
    least: needs.least + decrypting(1),
  });
  startThreadPool();
  // Now, and not when a guest has come.
  const impossible = await impossibleDestination(address, 'destination');
  if (impossible !== undefined) throw impossible;
  const io = await prepareSocketIo(options.socketIo);
  const role = new RelayRole({
    address,
    tls: outgoingTls,
    parameters: outgoing,
    given: options.outgoing ?? {},
    lineTimeout: Math.ceil(outgoing.stallTimeout * SOONER),
    uuid,
    pageSize,
    ...chosen,
    onCompat: (machineType, compat) => emit(options.onEvent, { type: 'machine-compat', machineType, compat }),
    onReplaced: (replacement) => emit(options.onEvent, { type: 'accelerator-replaced', replacement }),
    methodModules,
    methodSettings,
    io,
  });
  const migration = new DestinationMigration(
    { ...options, ...(incomingTls === undefined ? {} : { tls: incomingTls }) },
    role,
    incoming,
    pageSize,
    uuid,
    io,
  );
  const listener = await migration.listen(parseAddress(options.listen));
  const result = migration.run(listener);
  // Mark the rejection handled: the caller may look at the result later.
  result.catch(() => {});
  return {
    address: formatAddress(listener.address),
    result,
    close: () => migration.cancel(),
    guest: () => migration.guest(),
  };
}

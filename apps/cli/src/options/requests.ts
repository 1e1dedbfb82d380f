import type { LimitAction, MachineCompat, MigrationParameters, Wire, ZeroPageDetection } from '@multifd/core';
import type { CodecChoice } from '../codecs/choose.js';
import type { HostName } from '../host/choose-host.js';
import type { Backing } from './backing.js';
import type { CompressionOptions } from './compression.js';
import type { OutgoingTlsOptions, TlsOptions } from './tls.js';
import type { MetricsAddress, ProgressFormat } from './watch-options.js';

/** What both commands are asked for, as commander reads it. */
export interface CommonOptions extends CompressionOptions, TlsOptions {
  readonly multifdChannels?: number;
  readonly setupTimeout?: number;
  readonly stallTimeout?: number;
  readonly machineType?: string;
  readonly uuid?: Uint8Array;
  /** Undefined: what is usual for the source and destination. */
  readonly verify?: boolean;
  readonly host: HostName;
  readonly json?: true;
  /** Address of a QMP monitor. */
  readonly qmp?: string;
  /** Wait for its orders. */
  readonly defer?: true;
  /** How the progress is shown. */
  readonly progress?: ProgressFormat;
  /** Where figures are told in Prometheus' format. */
  readonly metrics?: MetricsAddress;
  /** The file of the trace. */
  readonly trace?: string;
}

/** What is to look for zero pages. */
export interface AcceleratorOptions {
  readonly accel: string;
  /** The environment's variable that `accel` comes from, if it does. */
  readonly accelVariable?: string;
}

export interface MigrateOptions extends CommonOptions, AcceleratorOptions {
  readonly verbose?: true;
  readonly zeroPageDetection?: ZeroPageDetection;
  readonly maxBandwidth?: number;
  readonly downtimeLimit?: number;
  readonly autoConverge?: true;
  readonly cpuThrottleInitial?: number;
  readonly cpuThrottleIncrement?: number;
  readonly maxCpuThrottle?: number;
  /** Only a client of the monitor can change it. */
  readonly throttleTriggerThreshold?: number;
  readonly maxRounds?: number;
  readonly timeout?: number;
  readonly limitAction?: LimitAction;
  /** What the age of the destination's machine type demands; undefined: what the guest's says. */
  readonly machineCompat?: MachineCompat;
  readonly completionTimeout?: number;
  readonly wire?: Wire;
  /** Only a client of the monitor can turn it off. */
  readonly returnPath?: boolean;
}

export interface RelayOptions extends CommonOptions, AcceleratorOptions, OutgoingTlsOptions {
  readonly insecure?: true;
  readonly zeroPageDetection?: ZeroPageDetection;
  readonly maxBandwidth?: number;
  readonly outgoingMultifdChannels?: number;
  readonly idleTimeout?: number;
  readonly completionTimeout?: number;
  /** As `multifdCompression`, of the side of the destination. */
  readonly outgoingMultifdCompression?: string;
  readonly machineCompat?: MachineCompat;
}

export interface ReceiveOptions extends CommonOptions {
  readonly force?: true;
  /** Listen where other machines can connect, without TLS. */
  readonly insecure?: true;
  readonly idleTimeout?: number;
  /** Bytes of RAM that a source may announce. */
  readonly maxRam?: number;
  /** Of a dump: the blocks that are the machine's RAM. */
  readonly ram?: readonly string[];
  /** Started by a `migrate` for its loopback: it reports to its parent instead of the user. */
  readonly loopbackChild?: true;
  readonly benchChild?: true;
}

/** Options that are the engine's parameters, under the same names. */
const PARAMETERS = [
  'multifdChannels',
  'zeroPageDetection',
  'maxBandwidth',
  'downtimeLimit',
  'autoConverge',
  'cpuThrottleInitial',
  'cpuThrottleIncrement',
  'maxCpuThrottle',
  'throttleTriggerThreshold',
  'maxRounds',
  'timeout',
  'limitAction',
  'returnPath',
  'wire',
  'setupTimeout',
  'stallTimeout',
  'idleTimeout',
  'completionTimeout',
] as const;

/** What of them a command has been given, each command its own. */
type GivenOptions = Partial<Pick<MigrationParameters, (typeof PARAMETERS)[number]>> &
  Pick<MigrateOptions, 'machineCompat'>;

/** The parameters that were given, with the method that was chosen; core knows the defaults. */
export function givenParameters(options: GivenOptions, codec: CodecChoice): Partial<MigrationParameters> {
  return { ...options.machineCompat, ...given(PARAMETERS, options), multifdCompression: codec.name };
}

function given<K extends keyof MigrationParameters>(
  names: readonly K[],
  from: Partial<Pick<MigrationParameters, K>>,
): Partial<Pick<MigrationParameters, K>> {
  const found: Partial<Pick<MigrationParameters, K>> = {};
  for (const name of names) if (from[name] !== undefined) found[name] = from[name];
  return found;
}

/** What a loopback destination has like its source. */
export interface LoopbackSettings {
  readonly host: HostName;
  readonly backing?: Backing | undefined;
  readonly uuid?: Uint8Array | undefined;
}

/** Options of a migration that its loopback destination must have too, as arguments. */
export function loopbackArguments(
  parameters: MigrationParameters,
  codec: CodecChoice,
  verify: boolean,
  { host, backing, uuid }: LoopbackSettings,
): string[] {
  return [
    backing === undefined ? [] : [`memory:${backing}`],
    ['--host', host],
    ['--multifd-channels', `${parameters.multifdChannels}`],
    // A module by its URL, whatever the words that named it.
    ['--multifd-compression', codec.requested === codec.name ? codec.name : (codec.modules[0] ?? codec.name)],
    ['--setup-timeout', `${parameters.setupTimeout}`],
    ['--stall-timeout', `${parameters.stallTimeout}`],
    [verify ? '--verify' : '--no-verify'],
    uuid === undefined ? [] : ['--uuid', Buffer.from(uuid).toString('hex')],
    // Any guest that can be made here: it is the user's own, and ends with the command.
    ['--max-ram', `${2 ** 47}`],
  ].flat();
}

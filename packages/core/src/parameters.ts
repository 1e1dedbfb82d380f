import { MultifdError } from './errors.js';
import { shown } from './given.js';

/** QEMU's `zero-page-detection`: which threads check for zero pages. */
export type ZeroPageDetection =
  /** None: every page is sent with its bytes. */
  | 'none'
  /** The migration thread; zero pages go over the main stream. For QEMU before 9.0. */
  | 'legacy'
  /** The channel threads; zero pages go in their packets. */
  | 'multifd';

/** What a source or a relay sends. A destination sends something of ours only if it was asked. */
export type Wire =
  /** To a QEMU what a QEMU sends; to a multifd messages of ours, too, and runs of zero pages (docs/wire.md, 14). */
  | 'multifd'
  /** What a QEMU sends, whoever the destination is. */
  | 'qemu';

/** What happens to a guest that still runs when `maxRounds` or `timeout` is reached. */
export type LimitAction =
  /** The migration fails, and the guest runs on here. */
  | 'fail'
  /** The guest is stopped, however long what is left takes: libvirt's `--timeout-suspend`. */
  | 'suspend';

/** Migration parameters under QEMU's names (docs/wire.md, 10), and a few of our own at the end. */
export interface MigrationParameters {
  /** 1 to 255, equal on both ends. */
  readonly multifdChannels: number;
  readonly zeroPageDetection: ZeroPageDetection;
  /**
   * Name of a MultiFD method: `none`, or one of `methodModules`. Equal on both ends. Ours: `auto`, with which the
   * source chooses the method that should finish first and the destination accepts any of them; QEMU does not know
   * it.
   */
  readonly multifdCompression: string;
  /** Bytes a second over all connections together; 0 is unlimited, which is our default (QEMU's is 128 MiB/s). */
  readonly maxBandwidth: number;
  /** How long the guest may be paused at the end, in ms, 0 to 2 000 000. */
  readonly downtimeLimit: number;
  /**
   * QEMU's capability `auto-converge`: a guest that dirties memory too fast is slowed down (`Guest.throttle`). Default
   * false.
   */
  readonly autoConverge: boolean;
  /** Share of time, in percent, that a guest stands still when it is first slowed down. 1 to 99, default 20. */
  readonly cpuThrottleInitial: number;
  /** Percent by which it is slowed down further each time. 1 to 99, default 10. */
  readonly cpuThrottleIncrement: number;
  /** Percent by which it is slowed down at most. `cpuThrottleInitial` to 99, default 99. */
  readonly maxCpuThrottle: number;
  /** A guest is too fast if it dirties more than so many percent of what moves meanwhile. 1 to 100, default 50. */
  readonly throttleTriggerThreshold: number;
  /** The source asks the destination to confirm that everything has arrived. QEMU's default is off, ours is on. */
  readonly returnPath: boolean;
  /** Ours, source and relay: what they send. Default `multifd`. */
  readonly wire: Wire;
  /**
   * QEMU's property for machine types up to 8.0: a sync at the end of each section, no flush record. Default false.
   */
  readonly multifdFlushAfterEachSection: boolean;
  /**
   * Ours: ms within which all connections must be established and have introduced themselves; then ms without a sign of
   * life until the destination has answered (docs/wire.md, 14). 1 to 2^31-1.
   */
  readonly setupTimeout: number;
  /** Ours: ms that a connection with bytes to send, or a reply due, may stall. 1 to 2^31-1. */
  readonly stallTimeout: number;
  /** Ours, destination: ms without a byte from the source on any connection. 1 to 2^31-1, default 5 minutes. */
  readonly idleTimeout: number;
  /**
   * Ours, source: ms in all that a destination which has everything may take for its last reply, even if it keeps
   * showing that it is alive; it may have much to write to disk. 1 to 2^31-1, default one hour.
   */
  readonly completionTimeout: number;
  /** Ours, source: rounds that a running guest gets to converge. 0 to 2^31-1; 0, the default: no limit. */
  readonly maxRounds: number;
  /** Ours, source: ms from the start until a running guest is to be stopped. 0 to 2^31-1; 0, the default: no limit. */
  readonly timeout: number;
  /** Ours, source: what happens when one of the two is reached. Default `fail`. */
  readonly limitAction: LimitAction;
}

export const DEFAULT_PARAMETERS: MigrationParameters = {
  multifdChannels: 2,
  zeroPageDetection: 'multifd',
  multifdCompression: 'none',
  maxBandwidth: 0,
  downtimeLimit: 300,
  autoConverge: false,
  cpuThrottleInitial: 20,
  cpuThrottleIncrement: 10,
  maxCpuThrottle: 99,
  throttleTriggerThreshold: 50,
  returnPath: true,
  wire: 'multifd',
  multifdFlushAfterEachSection: false,
  setupTimeout: 30_000,
  stallTimeout: 30_000,
  idleTimeout: 300_000,
  completionTimeout: 3_600_000,
  maxRounds: 0,
  timeout: 0,
  limitAction: 'fail',
};

/**
 * Fills in the defaults and checks all ranges.
 * @throws MultifdError `usage` that names the parameter, its range and the given value.
 */
export function completeParameters(given: Partial<MigrationParameters> = {}): MigrationParameters {
  checkNames(given);
  const all = { ...DEFAULT_PARAMETERS, ...given };
  integer('multifdChannels', all.multifdChannels, 1, 255);
  integer('maxBandwidth', all.maxBandwidth, 0, Number.MAX_SAFE_INTEGER);
  integer('downtimeLimit', all.downtimeLimit, 0, 2_000_000);
  integer('cpuThrottleInitial', all.cpuThrottleInitial, 1, 99);
  integer('cpuThrottleIncrement', all.cpuThrottleIncrement, 1, 99);
  integer('maxCpuThrottle', all.maxCpuThrottle, all.cpuThrottleInitial, 99);
  integer('throttleTriggerThreshold', all.throttleTriggerThreshold, 1, 100);
  integer('maxRounds', all.maxRounds, 0, 2 ** 31 - 1);
  integer('timeout', all.timeout, 0, 2 ** 31 - 1);
  integer('setupTimeout', all.setupTimeout, 1, 2 ** 31 - 1);
  integer('stallTimeout', all.stallTimeout, 1, 2 ** 31 - 1);
  integer('idleTimeout', all.idleTimeout, 1, 2 ** 31 - 1);
  integer('completionTimeout', all.completionTimeout, 1, 2 ** 31 - 1);
  oneOf('zeroPageDetection', all.zeroPageDetection, ['none', 'legacy', 'multifd']);
  oneOf('wire', all.wire, ['multifd', 'qemu']);
  oneOf('limitAction', all.limitAction, ['fail', 'suspend']);
  return all;
}

function oneOf(name: string, value: string, words: readonly [string, ...string[]]): void {
  if (words.includes(value)) return;
  const listed = `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
  throw new MultifdError('usage', `${name} must be ${listed}, got ${shown(value)}`);
}

/** Parameters that can be changed during a migration. */
const LIVE = ['maxBandwidth', 'downtimeLimit'] as const;

/**
 * Checks changes to the parameters of a running migration.
 * @returns the parameters given in `changes`.
 * @throws MultifdError `usage` that names the parameter.
 */
export function checkLiveParameters(
  changes: Partial<MigrationParameters>,
): Partial<Pick<MigrationParameters, (typeof LIVE)[number]>> {
  const fixed = Object.keys(changes).find((name) => !LIVE.some((live) => live === name));
  if (fixed !== undefined) {
    throw new MultifdError('usage', `${fixed} cannot be changed while the migration runs`, {
      hint: `what can: ${LIVE.join(', ')}`,
    });
  }
  const { maxBandwidth, downtimeLimit } = completeParameters(changes);
  return {
    ...(changes.maxBandwidth === undefined ? {} : { maxBandwidth }),
    ...(changes.downtimeLimit === undefined ? {} : { downtimeLimit }),
  };
}

function integer(name: string, value: number, min: number, max: number): void {
  if (Number.isSafeInteger(value) && value >= min && value <= max) return;
  throw new MultifdError(
    'usage',
    `${name} must be a whole number from ${min} to ${max}, got ${shown(value)}`,
  );
}

/** A misspelt parameter would have no effect, and nobody would notice. */
function checkNames(given: object): void {
  const unknown = Object.keys(given).find((name) => !Object.hasOwn(DEFAULT_PARAMETERS, name));
  if (unknown === undefined) return;
  throw new MultifdError('usage', `there is no parameter ${unknown}`, {
    hint: `there are: ${Object.keys(DEFAULT_PARAMETERS).join(', ')}`,
  });
}

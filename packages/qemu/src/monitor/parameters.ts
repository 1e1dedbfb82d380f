import type { ZeroPageDetection } from '@multifd/core';
import type { Arguments } from './arguments.js';
import { Refusal } from './refusal.js';

/** Parameters of a migration that a monitor shows and sets, under QEMU's names. Bytes a second, ms. */
export interface SteeredParameters {
  /** Percent, as the next three. */
  readonly 'throttle-trigger-threshold': number;
  readonly 'cpu-throttle-initial': number;
  readonly 'cpu-throttle-increment': number;
  readonly 'max-cpu-throttle': number;
  readonly 'multifd-channels': number;
  readonly 'multifd-compression': string;
  readonly 'zero-page-detection': ZeroPageDetection;
  /** 0: unlimited. */
  readonly 'max-bandwidth': number;
  readonly 'downtime-limit': number;
}

/** What may change while a migration runs. */
const LIVE: readonly (keyof SteeredParameters)[] = ['max-bandwidth', 'downtime-limit'];

const MAX_CPU_THROTTLE = 'an integer in the range of cpu_throttle_initial to 99';

/**
 * Reads the arguments of `migrate-set-parameters`.
 * @param methods names that `multifd-compression` may have.
 * @param now the parameters so far.
 * @param isRunning only live parameters are taken then.
 * @throws Refusal that names the parameter.
 */
export function readParameters(
  given: Arguments,
  methods: readonly string[],
  now: SteeredParameters,
  isRunning: boolean,
): Partial<SteeredParameters> {
  const all: { [K in keyof SteeredParameters]: SteeredParameters[K] | undefined } = {
    'throttle-trigger-threshold': given.byte('throttle-trigger-threshold', 1, 100, between(1, 100)),
    'cpu-throttle-initial': given.byte('cpu-throttle-initial', 1, 99, between(1, 99)),
    'cpu-throttle-increment': given.byte('cpu-throttle-increment', 1, 99, between(1, 99)),
    'max-cpu-throttle': given.byte('max-cpu-throttle', 1, 99, MAX_CPU_THROTTLE),
    'multifd-channels': given.byte('multifd-channels', 1, 255, 'a value between 1 and 255'),
    'multifd-compression': given.oneOf('multifd-compression', methods),
    'zero-page-detection': given.oneOf('zero-page-detection', ['none', 'legacy', 'multifd']),
    'max-bandwidth': given.uint64('max-bandwidth'),
    'downtime-limit': given.whole('downtime-limit', 0, 2_000_000, `${between(0, 2_000_000)} ms`),
  };
  given.end();
  const changes = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
  const fixed = Object.keys(changes).find((name) => !LIVE.some((live) => live === name));
  if (isRunning && fixed !== undefined)
    throw new Refusal(`Parameter '${fixed}' cannot be changed while the migration runs`);
  const { 'cpu-throttle-initial': initial, 'max-cpu-throttle': most } = { ...now, ...changes };
  if (most < initial) throw new Refusal(`Parameter 'max_cpu_throttle' expects ${MAX_CPU_THROTTLE}`);
  return changes;
}

function between(min: number, max: number): string {
  return `an integer in the range of ${min} to ${max}`;
}

import type { ZeroPageDetection } from '@multifd/core';
import type { Arguments } from './arguments.js';
import { Refusal } from './refusal.js';

/** Parameters of a migration that a monitor shows and sets, under QEMU's names. Bytes a second, ms. */
export interface SteeredParameters {
  readonly 'multifd-channels': number;
  readonly 'multifd-compression': string;
  readonly 'zero-page-detection': ZeroPageDetection;
  /** 0: unlimited. */
  readonly 'max-bandwidth': number;
  readonly 'downtime-limit': number;
}

/** What may change while a migration runs. */
const LIVE: readonly (keyof SteeredParameters)[] = ['max-bandwidth', 'downtime-limit'];

/**
 * Reads the arguments of `migrate-set-parameters`.
 * @param methods names that `multifd-compression` may have.
 * @param isRunning only live parameters are taken then.
 * @throws Refusal that names the parameter.
 */
export function readParameters(
  given: Arguments,
  methods: readonly string[],
  isRunning: boolean,
): Partial<SteeredParameters> {
  const all: { [K in keyof SteeredParameters]: SteeredParameters[K] | undefined } = {
    'multifd-channels': given.whole('multifd-channels', 1, 255),
    'multifd-compression': given.oneOf('multifd-compression', methods),
    'zero-page-detection': given.oneOf('zero-page-detection', ['none', 'legacy', 'multifd']),
    'max-bandwidth': given.whole('max-bandwidth', 0, Number.MAX_SAFE_INTEGER),
    'downtime-limit': given.whole('downtime-limit', 0, 2_000_000),
  };
  given.end();
  const changes = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
  const fixed = Object.keys(changes).find((name) => !LIVE.some((live) => live === name));
  if (isRunning && fixed !== undefined)
    throw new Refusal(`Parameter '${fixed}' cannot be changed while the migration runs`);
  return changes;
}

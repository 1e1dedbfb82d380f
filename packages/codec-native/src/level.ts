import { MultifdError } from '@multifd/core/codec';

/** QEMU's parameter for a method's level. */
export interface StreamLevel {
  /** Its name: `multifd-zlib-level`. */
  readonly parameter: string;
  /** The range is 0 to this. */
  readonly most: number;
  readonly usual: number;
}

/**
 * The level that was asked for, or the usual one.
 * @throws MultifdError `usage` for what is no level.
 */
export function levelOf(settings: Readonly<Record<string, number | string>>, level: StreamLevel): number {
  const given = settings[level.parameter] ?? level.usual;
  if (typeof given === 'number' && Number.isInteger(given) && given >= 0 && given <= level.most) return given;
  throw new MultifdError(
    'usage',
    `${level.parameter} must be a whole number from 0 to ${level.most}, got ${given}`,
  );
}

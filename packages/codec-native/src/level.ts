import { type MethodSetting, MultifdError } from '@multifd/core/codec';

/**
 * The level that was asked for, or the usual one.
 * @throws MultifdError `usage` for what is no level.
 */
export function levelOf(
  settings: Readonly<Record<string, number | string>>,
  { name, least, most, usual }: MethodSetting,
): number {
  const given = settings[name] ?? usual;
  if (typeof given === 'number' && Number.isInteger(given) && given >= least && given <= most) return given;
  throw new MultifdError('usage', `${name} must be a whole number from ${least} to ${most}, got ${given}`);
}

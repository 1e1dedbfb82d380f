import { MultifdError } from '@multifd/core';

const UNITS = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 };
const SIZE = /^(\d+(?:\.\d+)?)([KMGT]?)(?:i?B)?$/i;

/**
 * Reads a size in bytes: `4096`, `512K`, `100M`, `1.5G`, `2T`; suffixes are binary.
 *
 * @param what the option it belongs to, for the error.
 * @throws MultifdError `usage` for anything else, and for a size that is not a whole number of bytes.
 */
export function parseSize(text: string, what: string): number {
  const match = SIZE.exec(text.trim());
  const unit = match?.[2]?.toUpperCase() ?? '';
  if (match !== null && (unit === '' || unit === 'K' || unit === 'M' || unit === 'G' || unit === 'T')) {
    const bytes = Number(match[1]) * UNITS[unit];
    if (Number.isSafeInteger(bytes)) return bytes;
  }
  throw new MultifdError('usage', `${what}: ${quote(text)} is not a size`, {
    hint: 'write bytes or a binary suffix, as in 4096, 512K, 100M, 1.5G',
  });
}

/**
 * Reads a whole number from `min` to `max`.
 * @throws MultifdError `usage` that names `what`, the range and what was given.
 */
export function parseWhole(text: string, what: string, min: number, max: number): number {
  const value = /^\d+$/.test(text.trim()) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return value;
  throw new MultifdError('usage', `${what} must be a whole number from ${min} to ${max}, got ${quote(text)}`);
}

/** What the user wrote, so that it is safe and visible on a terminal. */
export function quote(text: string): string {
  return JSON.stringify(text);
}

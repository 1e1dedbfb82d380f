import { readFileSync } from 'node:fs';
import { toBytes, toHex } from './notation.js';

/** One entry of a vector file. Which keys there are is the file's business. */
export interface Vector {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly [key: string]: unknown;
}

export interface VectorFile {
  readonly valid: readonly Vector[];
  readonly degenerate: readonly Vector[];
  readonly mustFail: readonly Vector[];
}

/** Reads `vectors/NAME.json`. */
export function loadVectors(name: string): VectorFile {
  const file: unknown = JSON.parse(readFileSync(new URL(`vectors/${name}.json`, import.meta.url), 'utf8'));
  if (!isObject(file)) throw new Error(`${name}: not an object`);
  const parts: Record<string, string> = {};
  for (const [key, value] of Object.entries(isObject(file.parts) ? file.parts : {}))
    parts[key] = String(value);
  const list = (key: string): readonly Vector[] => {
    const entries = file[key];
    if (!Array.isArray(entries)) throw new Error(`${name}: no list ${key}`);
    return entries.map((entry: unknown) => toVector(entry, parts));
  };
  return { valid: list('valid'), degenerate: list('degenerate'), mustFail: list('must-fail') };
}

function toVector(entry: unknown, parts: Readonly<Record<string, string>>): Vector {
  if (!isObject(entry) || typeof entry.name !== 'string' || typeof entry.bytes !== 'string') {
    throw new Error(`vector without name or bytes: ${JSON.stringify(entry)}`);
  }
  return {
    ...Object.fromEntries(Object.entries(entry).map(([key, value]) => [key, expand(value)])),
    name: entry.name,
    bytes: toBytes(entry.bytes, parts),
  };
}

/** Writes out `00*28` wherever it stands in expected values. */
function expand(value: unknown): unknown {
  if (typeof value === 'string' && /^[0-9a-f]+\*\d+$/.test(value)) return toHex(toBytes(value));
  if (Array.isArray(value)) return value.map(expand);
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, expand(inner)]));
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

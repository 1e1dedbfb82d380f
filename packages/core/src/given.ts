import { types } from 'node:util';

/** What a value of a caller is, for messages: `a string`, `undefined`, `an object (ArrayBuffer)`. */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return `${value}`;
  if (typeof value !== 'object') return `a ${typeof value}`;
  if (types.isUint8Array(value) && !isBytes(value)) return 'a Uint8Array whose buffer was transferred';
  return `an object (${Object.prototype.toString.call(value).slice(8, -1)})`;
}

/** A value of a caller, for messages: a number as it is, text quoted and cut, anything else by its kind. */
export function shown(value: unknown): string {
  if (typeof value === 'number' || typeof value === 'boolean') return `${value}`;
  if (typeof value !== 'string') return kindOf(value);
  return JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}…` : value);
}

/** The buffer of a view may have been transferred to another thread: then nothing is left of it here. */
export function isBytes(value: unknown): value is Uint8Array {
  return types.isUint8Array(value) && !(value.buffer instanceof ArrayBuffer && value.buffer.detached);
}

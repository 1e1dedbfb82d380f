import { MultifdError } from '../errors.js';
import { concat, u8 } from './bytes.js';
import { MAX_NAME_SIZE } from './layout.js';

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export function encodeUtf8(text: string): Uint8Array {
  return encoder.encode(text);
}

/** Undefined if `bytes` are not UTF-8. */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes);
  } catch {
    return undefined;
  }
}

/** What a name must be, for messages: `must be ${NAME_RULE}`. */
export const NAME_RULE = `1 to ${MAX_NAME_SIZE} bytes of UTF-8 without NUL`;

/** Whether `value` is a string that can be a name. Half a surrogate pair has no UTF-8: it would arrive as U+FFFD. */
export function isName(value: unknown): value is string {
  if (typeof value !== 'string' || !value.isWellFormed() || value.includes('\0')) return false;
  const size = encodeUtf8(value).length;
  return size >= 1 && size <= MAX_NAME_SIZE;
}

/**
 * Encodes a name as UTF-8: 1 to 255 bytes, no NUL.
 * @throws MultifdError `usage` for any other.
 */
export function encodeName(name: string, what: string): Uint8Array {
  if (!isName(name)) throw new MultifdError('usage', `${what} ${quote(name)}: must be ${NAME_RULE}`);
  return encodeUtf8(name);
}

/** Encodes a name preceded by its length byte (pstr). @throws MultifdError `usage` as `encodeName`. */
export function encodePstr(name: string, what: string): Uint8Array {
  const bytes = encodeName(name, what);
  return concat(u8(bytes.length), bytes);
}

/** Undefined if `bytes` are not a name: empty, not UTF-8, or with a NUL inside. */
export function decodeName(bytes: Uint8Array): string | undefined {
  return bytes.length === 0 || bytes.includes(0) ? undefined : decodeUtf8(bytes);
}

/** For messages: quoted, control characters escaped, at most about 80 characters. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}

/** With dashes, as QEMU writes it. @param uuid 16 bytes. */
export function formatUuid(uuid: Uint8Array): string {
  const digits = Array.from(uuid, (byte) => byte.toString(16).padStart(2, '0'));
  const groups = [
    digits.slice(0, 4),
    digits.slice(4, 6),
    digits.slice(6, 8),
    digits.slice(8, 10),
    digits.slice(10),
  ];
  return groups.map((group) => group.join('')).join('-');
}

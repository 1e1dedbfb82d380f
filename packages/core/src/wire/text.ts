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

/**
 * Encodes a name as UTF-8: 1 to 255 bytes, no NUL.
 * @throws MultifdError `usage` for any other.
 */
export function encodeName(name: string, what: string): Uint8Array {
  const bytes = encodeUtf8(name);
  if (bytes.length < 1 || bytes.length > MAX_NAME_SIZE || bytes.includes(0)) {
    throw new MultifdError(
      'usage',
      `${what} ${quote(name)}: must be 1 to ${MAX_NAME_SIZE} bytes without NUL`,
    );
  }
  return bytes;
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

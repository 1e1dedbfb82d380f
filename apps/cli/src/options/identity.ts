import { MultifdError } from '@multifd/core';
import { quote } from './sizes.js';

const UUID = /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$|^[0-9a-f]{32}$/i;

/** Whether `parseUuid` takes it. */
export function isUuid(text: string): boolean {
  return UUID.test(text);
}

/** 16 bytes from `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx`. @throws MultifdError `usage` */
export function parseUuid(text: string): Uint8Array {
  if (isUuid(text)) return Uint8Array.from(Buffer.from(text.replaceAll('-', ''), 'hex'));
  throw new MultifdError('usage', `--uuid: ${quote(text)} is not a uuid`, {
    hint: 'write 32 hex digits, as in 550e8400-e29b-41d4-a716-446655440000',
  });
}

/** As `parseUuid` reads it. */
export function uuidText(uuid: Uint8Array): string {
  const hex = Buffer.from(uuid).toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

/** Whether the configuration section can carry this name. */
export function isMachineType(text: string): boolean {
  const bytes = Buffer.byteLength(text);
  return bytes >= 1 && bytes <= 255 && !text.includes('\0');
}

/** @throws MultifdError `usage` for a name that the configuration section cannot carry. */
export function parseMachineType(text: string): string {
  if (isMachineType(text)) return text;
  throw new MultifdError('usage', '--machine-type must be 1 to 255 bytes long');
}

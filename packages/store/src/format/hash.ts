import { hash } from 'node:crypto';

/** SHA-256, as 32 bytes. */
export function digest(bytes: Uint8Array): Uint8Array {
  return hash('sha256', bytes, 'buffer');
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}

export function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

const HASH_TEXT = /^[0-9a-f]{64}$/;

export function isHashText(text: string): boolean {
  return HASH_TEXT.test(text);
}

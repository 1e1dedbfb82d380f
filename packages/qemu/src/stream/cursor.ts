import { WireError } from '@multifd/core';
import type { ByteSource } from './byte-source.js';

/** Bytes read ahead. Page records of 4 KiB are jumped over, so more would mostly be read in vain. */
const WINDOW = 64 * 1024;

/** Reads big-endian fields of a migration file one after another, and can jump. Says where something is wrong. */
export class Cursor {
  /** The part of the file, for messages: `section ram (START)`. */
  place = 'header';
  readonly #source: ByteSource;
  readonly #window = new Uint8Array(WINDOW);
  #windowStart = 0;
  #windowEnd = 0;
  #offset: number;
  #field = 'magic';
  #fieldStart = 0;

  constructor(source: ByteSource, offset = 0) {
    this.#source = source;
    this.#offset = offset;
  }

  /** Where the next field begins. */
  get offset(): number {
    return this.#offset;
  }

  get size(): number {
    return this.#source.size;
  }

  /** Goes to `offset`, which must not lie behind the file's end. @throws WireError about the field just read. */
  jump(offset: number): void {
    if (offset > this.#source.size) throw this.fault(`a file of at least ${offset} bytes`, `${this.size}`);
    this.#offset = offset;
  }

  /** Jumps over `size` bytes of the field `field`. */
  skip(size: number, field: string): void {
    this.#begin(size, field);
    this.#offset += size;
  }

  /** Exactly `size` bytes, the caller's own. */
  take(size: number, field: string): Uint8Array {
    this.#begin(size, field);
    const bytes = new Uint8Array(size);
    this.#source.read(this.#offset, bytes);
    this.#offset += size;
    return bytes;
  }

  u8(field: string): number {
    return this.#number(1, field);
  }

  u16(field: string): number {
    return this.#number(2, field);
  }

  u32(field: string): number {
    return this.#number(4, field);
  }

  /** @throws WireError from 2^53 on. */
  u64(field: string): number {
    const value = this.#number(8, field);
    if (value > Number.MAX_SAFE_INTEGER) throw this.fault('below 2^53', `about ${value}`);
    return value;
  }

  /** A name with a length byte in front. */
  pstr(field: string): string {
    return this.text(this.u8(`${field} length`), field);
  }

  /** A name of `size` bytes. @throws WireError if it is empty, not UTF-8, or has a NUL. */
  text(size: number, field: string): string {
    if (size === 0) throw this.fault('at least 1', '0');
    const bytes = this.take(size, field);
    const text = decodeText(bytes);
    if (text === undefined) throw this.fault('UTF-8 without NUL', Buffer.from(bytes).toString('hex'));
    return text;
  }

  /** An error about the field that was read last. */
  fault(
    expected: string,
    got: string,
    code: 'protocol' | 'incompatible' = 'protocol',
    hint?: string,
  ): WireError {
    return new WireError(
      {
        where: `${this.#source.name}, ${this.place}`,
        field: this.#field,
        offset: this.#fieldStart,
        expected,
        got,
      },
      code,
      hint,
    );
  }

  #number(size: number, field: string): number {
    this.#begin(size, field);
    if (this.#offset < this.#windowStart || this.#offset + size > this.#windowEnd) this.#fill();
    const at = this.#offset - this.#windowStart;
    let value = 0;
    for (let index = 0; index < size; index++) value = value * 256 + (this.#window[at + index] ?? 0);
    this.#offset += size;
    return value;
  }

  #begin(size: number, field: string): void {
    this.#field = field;
    this.#fieldStart = this.#offset;
    const left = this.size - this.#offset;
    if (size > left) throw this.fault(`${size} bytes`, `${left}: the file ends here`);
  }

  #fill(): void {
    this.#windowStart = this.#offset;
    this.#windowEnd = Math.min(this.size, this.#offset + WINDOW);
    this.#source.read(this.#windowStart, this.#window.subarray(0, this.#windowEnd - this.#windowStart));
  }
}

/** UTF-8 without NUL; undefined if it is not that. */
export function decodeText(bytes: Uint8Array): string | undefined {
  if (bytes.includes(0)) return undefined;
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** A byte, for messages: two digits. */
export function hex(byte: number): string {
  return byte.toString(16).padStart(2, '0');
}

import { WireError } from '../../errors.js';
import { hexBytes, readU16, readU32, readU64 } from '../bytes.js';
import { decodeName } from '../text.js';

/** Reads a T; yields `undefined` whenever it needs another chunk. */
export type Reading<T> = Generator<undefined, T, unknown>;

/**
 * Takes the bytes of the main stream in pieces of known size, whatever chunks they arrive in. A piece that lies
 * wholly in a chunk is a view of it; only pieces that span chunks are copied. A piece is valid until the next is
 * taken. Remembers the current field, to name it in errors.
 */
export class ByteReader {
  /** The part of the stream, for messages: `section ram (PART)`. */
  part = 'header';
  /** Name of the field taken last, or awaited. */
  field = 'magic';
  /** Stream offset of that field. */
  start = 0;
  /** Its size in bytes. */
  wanted = 4;

  readonly #name: string;
  #chunk: Uint8Array = new Uint8Array(0);
  #at = 0;
  /** Bytes of earlier chunks: [#heldStart, #heldEnd) precede the current chunk. */
  #held: Uint8Array = new Uint8Array(512);
  #heldStart = 0;
  #heldEnd = 0;
  #offset = 0;

  /** @param name of the stream, for messages. */
  constructor(name = 'main stream') {
    this.#name = name;
  }

  /** The stream and its part, for messages: `main stream, section ram (PART)`. */
  get place(): string {
    return `${this.#name}, ${this.part}`;
  }

  /** Stream offset of the next byte to take. */
  get offset(): number {
    return this.#offset;
  }

  /** Number of bytes received but not taken. */
  get pending(): number {
    return this.#heldEnd - this.#heldStart + this.#chunk.length - this.#at;
  }

  /** Feeds the next chunk; the caller must not change it until `stash`. */
  feed(chunk: Uint8Array): void {
    this.stash();
    this.#chunk = chunk;
    this.#at = 0;
  }

  /** Copies the rest of the chunk, and drops the reference to it. */
  stash(): void {
    if (this.#at < this.#chunk.length) this.#hold(this.#chunk.length - this.#at);
    this.#chunk = this.#chunk.subarray(0, 0);
    this.#at = 0;
  }

  /**
   * Seeks to stream byte `offset`, forwards or backwards. If it is not in the rest of the chunk, that rest is
   * dropped, and the next chunk must begin there.
   */
  seek(offset: number): void {
    const ahead = offset - this.#offset;
    if (ahead >= 0 && ahead <= this.rest().length) {
      this.skip(ahead);
      return;
    }
    this.#chunk = this.#chunk.subarray(0, 0);
    this.#at = 0;
    this.#heldStart = 0;
    this.#heldEnd = 0;
    this.#offset = offset;
  }

  /** Takes exactly `size` bytes. `field` names them in messages. */
  *take(size: number, field: string): Reading<Uint8Array> {
    this.field = field;
    this.start = this.#offset;
    this.wanted = size;
    for (;;) {
      const bytes = this.#next(size);
      if (bytes !== undefined) return bytes;
      yield undefined;
    }
  }

  *u8(field: string): Reading<number> {
    return (yield* this.take(1, field))[0];
  }

  *u16(field: string): Reading<number> {
    return readU16(yield* this.take(2, field), 0);
  }

  *u32(field: string): Reading<number> {
    return readU32(yield* this.take(4, field), 0);
  }

  /** @throws WireError for values of 2^53 or more. */
  *u64(field: string): Reading<number> {
    const value = readU64(yield* this.take(8, field), 0);
    if (value > Number.MAX_SAFE_INTEGER) throw this.fault('below 2^53', `about ${value}`);
    return value;
  }

  /** Takes a name preceded by a length byte. @throws WireError if it is empty, not UTF-8, or has a NUL. */
  *pstr(field: string): Reading<string> {
    const size = yield* this.u8(`${field} length`);
    if (size === 0) throw this.fault('1 to 255', '0');
    return this.name(yield* this.take(size, field));
  }

  /** Decodes the field just taken as a name. @throws WireError if it is not one. */
  name(bytes: Uint8Array): string {
    const name = decodeName(bytes);
    if (name === undefined) throw this.fault('UTF-8 without NUL', hexBytes(bytes));
    return name;
  }

  /**
   * Returns the rest of the chunk, for a fast loop in the caller, who reports with `skip` how much it used. Empty
   * while bytes of earlier chunks come first.
   */
  rest(): Uint8Array {
    return this.#heldStart === this.#heldEnd ? this.#chunk.subarray(this.#at) : this.#chunk.subarray(0, 0);
  }

  /** Takes `size` bytes of `rest`. */
  skip(size: number): void {
    this.#at += size;
    this.#offset += size;
  }

  /** Takes all available bytes, at least one. */
  *all(field: string): Reading<Uint8Array> {
    while (this.pending === 0) yield* this.#await(field);
    const held = this.#heldEnd - this.#heldStart;
    return yield* this.take(held > 0 ? held : this.#chunk.length - this.#at, field);
  }

  /**
   * Takes as many bytes as `sizeOf` returns. For data that has an end mark and no size: `sizeOf` is called each time
   * more bytes arrive, with all available bytes and how many of them it has seen before, until it knows the size.
   * @throws WireError if it does not within `limit` bytes.
   */
  *takeUntil(
    sizeOf: (bytes: Uint8Array, seen: number) => number | undefined,
    limit: number,
    field: string,
  ): Reading<Uint8Array> {
    this.field = field;
    this.start = this.#offset;
    for (let seen = 0; ; ) {
      this.stash();
      const bytes = this.#held.subarray(this.#heldStart, this.#heldEnd);
      const size = sizeOf(bytes, seen);
      if ((size ?? bytes.length) > limit) throw this.fault(`an end within ${limit} bytes`, 'more');
      if (size !== undefined) return yield* this.take(size, field);
      seen = bytes.length;
      this.wanted = seen + 1;
      yield undefined;
    }
  }

  *#await(field: string): Reading<void> {
    this.field = field;
    this.start = this.#offset;
    this.wanted = 1;
    yield undefined;
  }

  /** The error for the field that was taken last. */
  fault(
    expected: string,
    got: string,
    code: 'protocol' | 'incompatible' = 'protocol',
    hint?: string,
  ): WireError {
    return new WireError(
      { where: this.place, field: this.field, offset: this.start, expected, got },
      code,
      hint,
    );
  }

  /** The error for a stream that ends here. @param end text for the message: `the file ends here`. */
  ended(end: string): WireError {
    const expected = this.wanted === 1 ? '1 byte' : `${this.wanted} bytes`;
    return this.fault(expected, `${this.pending}: ${end}`);
  }

  #next(size: number): Uint8Array | undefined {
    const held = this.#heldEnd - this.#heldStart;
    const rest = this.#chunk.length - this.#at;
    if (held === 0 && rest >= size) {
      const bytes = this.#chunk.subarray(this.#at, this.#at + size);
      this.#at += size;
      this.#offset += size;
      return bytes;
    }
    if (held < size) this.#hold(Math.min(size - held, rest));
    if (this.#heldEnd - this.#heldStart < size) return undefined;
    const bytes = this.#held.subarray(this.#heldStart, this.#heldStart + size);
    this.#heldStart += size;
    this.#offset += size;
    return bytes;
  }

  /** Appends `size` bytes of the chunk to those held. */
  #hold(size: number): void {
    const held = this.#heldEnd - this.#heldStart;
    if (this.#heldEnd + size > this.#held.length) {
      const target = held + size > this.#held.length ? new Uint8Array(roundUp(held + size)) : this.#held;
      target.set(this.#held.subarray(this.#heldStart, this.#heldEnd));
      this.#held = target;
      this.#heldStart = 0;
      this.#heldEnd = held;
    } else if (held === 0) {
      this.#heldStart = 0;
      this.#heldEnd = 0;
    }
    this.#held.set(this.#chunk.subarray(this.#at, this.#at + size), this.#heldEnd);
    this.#heldEnd += size;
    this.#at += size;
  }
}

function roundUp(size: number): number {
  return 2 ** Math.ceil(Math.log2(size));
}

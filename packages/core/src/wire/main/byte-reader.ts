import { WireError } from '../../errors.js';
import { hexBytes, readU16, readU32, readU64 } from '../bytes.js';
import { decodeName } from '../text.js';

/** Reads a T, and yields `undefined` for each time that it needs another chunk. */
export type Reading<T> = Generator<undefined, T, unknown>;

/**
 * The bytes of the main stream, taken in pieces of known size whatever chunks they come in. A piece that lies
 * whole in the chunk is a view of it; only what a chunk cuts in two is copied. A piece is valid until the next
 * is taken. Remembers what is being read, so that an error can say it.
 */
export class ByteReader {
  /** The part of the stream, for messages: `section ram (PART)`. */
  part = 'header';
  /** Name of the field taken last, or being waited for. */
  field = 'magic';
  /** Stream offset of that field. */
  start = 0;
  /** Its size in bytes. */
  wanted = 4;

  readonly #name: string;
  #chunk: Uint8Array = new Uint8Array(0);
  #at = 0;
  /** Bytes from earlier chunks: [#heldStart, #heldEnd) come before the chunk's. */
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

  /** Stream offset of what is taken next. */
  get offset(): number {
    return this.#offset;
  }

  /** Bytes received, but not taken. */
  get pending(): number {
    return this.#heldEnd - this.#heldStart + this.#chunk.length - this.#at;
  }

  /** The next chunk; it must stay as it is until `stash`. */
  feed(chunk: Uint8Array): void {
    this.stash();
    this.#chunk = chunk;
    this.#at = 0;
  }

  /** Copies what is left of the chunk, and lets go of it. */
  stash(): void {
    if (this.#at < this.#chunk.length) this.#hold(this.#chunk.length - this.#at);
    this.#chunk = this.#chunk.subarray(0, 0);
    this.#at = 0;
  }

  /**
   * Goes to stream byte `offset`, which may also be one before. If it does not lie in what is left of the chunk, that is
   * forgotten, and the next chunk must begin there.
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

  /** Exactly `size` bytes. `field` is what they are, for messages. */
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

  /** @throws WireError from 2^53 on. */
  *u64(field: string): Reading<number> {
    const value = readU64(yield* this.take(8, field), 0);
    if (value > Number.MAX_SAFE_INTEGER) throw this.fault('below 2^53', `about ${value}`);
    return value;
  }

  /** A name with a length byte in front. @throws WireError if it is empty, not UTF-8, or has a NUL. */
  *pstr(field: string): Reading<string> {
    const size = yield* this.u8(`${field} length`);
    if (size === 0) throw this.fault('1 to 255', '0');
    return this.name(yield* this.take(size, field));
  }

  /** The field just taken, as a name. @throws WireError if it is none. */
  name(bytes: Uint8Array): string {
    const name = decodeName(bytes);
    if (name === undefined) throw this.fault('UTF-8 without NUL', hexBytes(bytes));
    return name;
  }

  /**
   * What is left of the chunk, for a fast loop of the caller's, who says with `skip` how much of it was used.
   * Empty while bytes of earlier chunks come first.
   */
  rest(): Uint8Array {
    return this.#heldStart === this.#heldEnd ? this.#chunk.subarray(this.#at) : this.#chunk.subarray(0, 0);
  }

  /** `size` bytes of `rest` were used. */
  skip(size: number): void {
    this.#at += size;
    this.#offset += size;
  }

  /** All that is there, at least one byte. */
  *all(field: string): Reading<Uint8Array> {
    while (this.pending === 0) yield* this.#await(field);
    const held = this.#heldEnd - this.#heldStart;
    return yield* this.take(held > 0 ? held : this.#chunk.length - this.#at, field);
  }

  /**
   * As many bytes as `sizeOf` says once it can. It is asked again with all that is there, and how much of that was
   * there before, each time that more has come. For what ends with a mark and has no size.
   * @throws WireError if it cannot within `limit` bytes.
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

  /** An error about the field that was taken last. */
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

  /** An error that says that nothing comes behind what is there. @param end for messages: `the file ends here`. */
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

  /** Moves `size` bytes of the chunk behind those held. */
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

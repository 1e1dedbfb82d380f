/**
 * Bytes of the staging buffer: a dozen packets of zero pages. Small, as payload that lands in it is copied once more.
 */
export const STAGING_SIZE = 16 * 1024;

/**
 * Holds a connection's bytes until they are parsed: a small staging buffer, and the memory of a pending read, which
 * receives them without a copy. Pure: it does no I/O.
 */
export class Staging {
  readonly #bytes = new Uint8Array(STAGING_SIZE);
  #start = 0;
  #end = 0;
  /** Memory that the pending read has yet to fill. */
  #direct: Uint8Array | undefined;
  /** Delivered buffers that did not fit, in order; not copied. */
  #overflow: Uint8Array[] = [];

  /** @param head bytes that were read before, at most `STAGING_SIZE`; copied. */
  constructor(head: Uint8Array) {
    this.#bytes.set(head);
    this.#end = head.length;
  }

  /** Bytes that are staged. */
  get length(): number {
    return this.#end - this.#start;
  }

  /** Bytes that the pending read still wants; undefined if none is pending. */
  get wanted(): number | undefined {
    return this.#direct?.length;
  }

  get overflows(): boolean {
    return this.#overflow.length > 0;
  }

  /** Makes room for `count` contiguous bytes, at most `STAGING_SIZE`, counted from the next unread one. */
  makeRoom(count: number): void {
    if (this.#start + count <= STAGING_SIZE) return;
    this.#bytes.copyWithin(0, this.#start, this.#end);
    this.#end -= this.#start;
    this.#start = 0;
  }

  /** The next `count` bytes, which must be staged. Valid until the next change. */
  peek(count: number): Uint8Array {
    return this.#bytes.subarray(this.#start, this.#start + count);
  }

  skip(count: number): void {
    this.#start += count;
  }

  /** Restarts an empty buffer at its front. The caller no longer uses bytes that were handed out. */
  rewind(): void {
    if (this.#start !== this.#end) return;
    this.#start = 0;
    this.#end = 0;
  }

  /** Begins a read: copies what is staged, and leaves the rest of `target` pending. True if `target` is full. */
  begin(target: Uint8Array): boolean {
    const staged = Math.min(target.length, this.length);
    target.set(this.#bytes.subarray(this.#start, this.#start + staged));
    this.#start += staged;
    if (staged === target.length) return true;
    this.#direct = target.subarray(staged);
    return false;
  }

  /** Memory for the next bytes: the pending read's, or the free part of the staging buffer. */
  target(): Uint8Array {
    if (this.#direct !== undefined && this.length === 0) return this.#direct;
    // Never empty: when the staging buffer is full nothing waits, and the socket is paused.
    return this.#end < STAGING_SIZE ? this.#bytes.subarray(this.#end) : new Uint8Array(STAGING_SIZE);
  }

  /** As `target`, for one vectored call: the pending read's memory, then the staging buffer. */
  targets(): Uint8Array[] {
    const staging = this.#bytes.subarray(this.#end);
    return this.#direct === undefined ? [staging] : [this.#direct, staging];
  }

  /** `count` bytes were written to `targets`, in order. */
  filled(count: number): void {
    const direct = this.#direct;
    const read = Math.min(direct?.length ?? 0, count);
    if (direct !== undefined) this.#direct = read === direct.length ? undefined : direct.subarray(read);
    this.#end += count - read;
  }

  /** Bytes have arrived, in `target` or in a buffer of their own, which this keeps if they do not fit. */
  deliver(bytes: Uint8Array): void {
    if (this.overflows) this.#overflow.push(bytes);
    else this.#place(bytes);
  }

  /** Delivers again what did not fit before. False if there is nothing. */
  takeOverflow(): boolean {
    if (!this.overflows) return false;
    const waiting = this.#overflow;
    this.#overflow = [];
    for (const bytes of waiting) this.#place(bytes);
    return true;
  }

  /** Puts bytes into the pending read, then into the staging buffer, then into the overflow. */
  #place(bytes: Uint8Array): void {
    let rest = bytes;
    const direct = this.#direct;
    if (direct !== undefined) {
      const taken = Math.min(direct.length, rest.length);
      const inPlace = rest.buffer === direct.buffer && rest.byteOffset === direct.byteOffset;
      if (!inPlace) direct.set(rest.subarray(0, taken));
      this.#direct = taken === direct.length ? undefined : direct.subarray(taken);
      rest = rest.subarray(taken);
    }
    if (rest.length === 0) return;
    const room = STAGING_SIZE - this.#end;
    const staged = rest.subarray(0, room);
    const inPlace =
      staged.buffer === this.#bytes.buffer && staged.byteOffset === this.#bytes.byteOffset + this.#end;
    if (!inPlace) this.#bytes.set(staged, this.#end);
    this.#end += staged.length;
    if (rest.length > room) this.#overflow.push(rest.subarray(room));
  }
}

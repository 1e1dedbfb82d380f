import { MultifdError } from '../errors.js';

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
  /** Memory that the pending read fills, in order: from index `#next` on. */
  #direct: Uint8Array[] = [];
  #next = 0;
  /** Bytes of it that are missing. */
  #wanted = 0;
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
    return this.#wanted === 0 ? undefined : this.#wanted;
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

  /**
   * Begins a read into `targets`, in order: copies what is staged, and leaves the rest pending. True if they are full.
   * The list stays the caller's.
   */
  begin(targets: readonly Uint8Array[]): boolean {
    this.#direct = [...targets];
    this.#next = 0;
    this.#wanted = targets.reduce((sum, { length }) => sum + length, 0);
    while (this.#wanted > 0 && this.length > 0) {
      const target = this.#current();
      const staged = Math.min(target.length, this.length);
      target.set(this.#bytes.subarray(this.#start, this.#start + staged));
      this.#start += staged;
      this.#fill(staged);
    }
    return this.#wanted === 0;
  }

  /** Memory for the next bytes: the pending read's, or the free part of the staging buffer. */
  target(): Uint8Array {
    if (this.#wanted > 0 && this.length === 0) return this.#current();
    // Never empty: when the staging buffer is full nothing waits, and the socket is paused.
    return this.#end < STAGING_SIZE ? this.#bytes.subarray(this.#end) : new Uint8Array(STAGING_SIZE);
  }

  /** As `target`, for one vectored call: the pending read's memory, then the staging buffer. */
  targets(): Uint8Array[] {
    const staging = this.#bytes.subarray(this.#end);
    return this.#wanted === 0 ? [staging] : [...this.#direct.slice(this.#next), staging];
  }

  /** `count` bytes were written to `targets`, in order. */
  filled(count: number): void {
    const read = Math.min(this.#wanted, count);
    this.#fill(read);
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
    while (this.#wanted > 0 && rest.length > 0) {
      const target = this.#current();
      const taken = Math.min(target.length, rest.length);
      const inPlace = rest.buffer === target.buffer && rest.byteOffset === target.byteOffset;
      if (!inPlace) target.set(rest.subarray(0, taken));
      this.#fill(taken);
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

  /** The pending read's memory that comes next. Only while something is wanted. */
  #current(): Uint8Array {
    for (;;) {
      const target = this.#direct[this.#next];
      if (target === undefined) throw new MultifdError('internal', 'no read is pending');
      if (target.length > 0) return target;
      this.#next++;
    }
  }

  /** The next `count` bytes of the pending read, at most `#wanted`, are there. */
  #fill(count: number): void {
    this.#wanted -= count;
    for (let left = count; left > 0; ) {
      const target = this.#current();
      const taken = Math.min(target.length, left);
      left -= taken;
      if (taken < target.length) this.#direct[this.#next] = target.subarray(taken);
      else this.#next++;
    }
    if (this.#wanted === 0) this.#direct = [];
  }
}

import { descriptionSizeAt } from '../description.js';
import { DESCRIPTION_HEADER_SIZE } from '../layout.js';

/** Longest description to parse, in bytes. QEMU's have 20 to 100 KiB; parsing costs several times as much. */
export const MAX_DESCRIPTION_SIZE = 16 * 2 ** 20;

/** A possible `00 06 len JSON`: [start, end). */
export interface Candidate {
  readonly start: number;
  readonly end: number;
}

/**
 * Finds the description at the end of the device state while it arrives (docs/wire.md, 7.2). Device state is binary,
 * so many places look like `00 06 len`. But JSON has no NUL: a NUL inside its text rules a candidate out, which
 * leaves at most a few at any time, and each byte is scanned once.
 */
export class DescriptionFinder {
  #scanned = 0;
  #open: Candidate[] = [];

  /** Yields the candidates that are complete within the first `length` bytes and were not before. */
  *complete(bytes: Uint8Array, length: number): Generator<Candidate> {
    let at = this.#scanned;
    for (; at + DESCRIPTION_HEADER_SIZE <= length; at++) {
      const size = descriptionSizeAt(bytes, at);
      if (size === undefined) continue;
      yield* this.#close(bytes, at);
      if (size > MAX_DESCRIPTION_SIZE || size === 0) continue;
      this.#open = this.#open.filter(({ start }) => start + DESCRIPTION_HEADER_SIZE > at);
      this.#open.push({ start: at, end: at + DESCRIPTION_HEADER_SIZE + size });
    }
    this.#scanned = at;
    yield* this.#close(bytes, length);
  }

  *#close(bytes: Uint8Array, length: number): Generator<Candidate> {
    const closed = this.#open.filter(({ end }) => end <= length);
    if (closed.length === 0) return;
    this.#open = this.#open.filter(({ end }) => end > length);
    for (const candidate of closed) {
      const text = bytes.subarray(candidate.start + DESCRIPTION_HEADER_SIZE, candidate.end);
      if (!text.includes(0)) yield candidate;
    }
  }
}

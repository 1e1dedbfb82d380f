import { FOOTER_SIZE, SECTION } from '@multifd/core/wire';
import type { ByteSource } from './byte-source.js';

/** Bytes that are read at once. */
const WINDOW = 2 ** 20;

/** Reads the bytes of a source up to a limit, each about once, going forward. Makes nothing for a place that it looks at. */
export class SearchWindow {
  readonly #source: ByteSource;
  readonly #end: number;
  readonly #ahead: number;
  readonly #kept = Buffer.alloc(WINDOW);
  #start = 0;
  #length = 0;

  /** @param end offset of the limit, within the source. @param ahead bytes that are kept from a place on, at least. */
  constructor(source: ByteSource, end: number, ahead: number) {
    this.#source = source;
    this.#end = end;
    this.#ahead = ahead;
  }

  /** Keeps the `ahead` bytes from offset `at` on, or all up to the limit. */
  keep(at: number): void {
    const wanted = Math.min(this.#ahead, this.#end - at);
    if (at >= this.#start && at + wanted <= this.#start + this.#length) return;
    this.#start = at;
    this.#length = Math.max(0, Math.min(WINDOW, this.#end - at));
    this.#source.read(at, this.#kept.subarray(0, this.#length));
  }

  /** A byte that is kept; undefined behind the limit. */
  u8(at: number): number | undefined {
    const index = at - this.#start;
    return index < this.#length ? this.#kept[index] : undefined;
  }

  /** Four bytes that are kept; undefined if the limit is before their end. */
  u32(at: number): number | undefined {
    const index = at - this.#start;
    return index + 4 <= this.#length ? this.#kept.readUInt32BE(index) : undefined;
  }

  /** Offset behind the next footer of section `id` from `from` on, and what follows it is kept; undefined if there is none. */
  behindFooter(from: number, id: number): number | undefined {
    const kept = this.#kept;
    const first = id >>> 24;
    for (let at = from; at + FOOTER_SIZE <= this.#end; ) {
      this.keep(at);
      const last = this.#length - FOOTER_SIZE;
      for (let index = at - this.#start; index <= last; index++) {
        if (kept[index] !== SECTION.FOOTER || kept[index + 1] !== first) continue;
        if (kept.readUInt32BE(index + 1) !== id) continue;
        const behind = this.#start + index + FOOTER_SIZE;
        this.keep(behind);
        return behind;
      }
      at = this.#start + last + 1;
    }
    return undefined;
  }
}

import { WireError } from '@multifd/core';
import { DESCRIPTION_HEADER_SIZE, SECTION } from '@multifd/core/wire';
import type { ByteSource } from './byte-source.js';
import type { SearchWindow } from './search-window.js';

/** Bytes that are looked at from the 00 of an end on: a description's header, and the first byte of its text. */
export const MOST_END = DESCRIPTION_HEADER_SIZE + 1;

/** `{`, with which QEMU's descriptions begin. */
const OBJECT = 0x7b;

/** What stands behind the 00 of an end: the more it is like what belongs there, the higher. */
const OTHER = 0;
/** The header of some description. */
const HEADER = 1;
/** A description that the file's end cuts. */
const CUT = 2;
/** A description that ends with the file, or no byte more: nothing would be left out. */
const WHOLE = 3;

/** The places inside one section, or behind it, that look like the end of sections: a 00 behind a footer of its own. */
export class ChainEnds {
  readonly #source: ByteSource;
  readonly #window: SearchWindow;
  #best: { readonly at: number; readonly rank: number } | undefined;
  /** The first behind the best. */
  #rival: number | undefined;

  constructor(source: ByteSource, window: SearchWindow) {
    this.#source = source;
    this.#window = window;
  }

  /** Takes the place `at`, behind those before. @returns whether it is the end without a doubt. */
  add(at: number): boolean {
    const rank = this.#rankOf(at);
    if (this.#best === undefined || rank > this.#best.rank) {
      // The one before was in a device's state. This one loses nothing of what that would have kept.
      this.#best = { at, rank };
      this.#rival = undefined;
    } else {
      this.#rival ??= at;
    }
    return rank === WHOLE;
  }

  /**
   * The end, once nothing else can come; undefined if there is none.
   * @throws WireError `protocol` if it may be one or another: with the earlier one devices could be lost, with the later one
   * bytes that are no state would be carried.
   */
  choose(): number | undefined {
    if (this.#best === undefined || this.#rival === undefined) return this.#best?.at;
    throw new WireError(
      {
        where: this.#source.name,
        field: 'end of sections',
        offset: this.#best.at,
        expected: 'one place that looks like the end of the devices',
        got: `another at byte ${this.#rival}`,
      },
      'protocol',
      'have QEMU write the file again, with its description; or cut it one byte behind the right one of the two',
    );
  }

  #rankOf(at: number): number {
    const { size } = this.#source;
    if (at + 1 === size) return WHOLE;
    if (this.#window.u8(at + 1) !== SECTION.VMDESCRIPTION) return OTHER;
    const text = at + DESCRIPTION_HEADER_SIZE;
    if (text > size) return CUT;
    const length = this.#window.u32(at + 2);
    if (length === undefined) return HEADER;
    if (text + length === size) return WHOLE;
    const isCut = text + length > size && (text === size || this.#window.u8(text) === OBJECT);
    return isCut ? CUT : HEADER;
  }
}

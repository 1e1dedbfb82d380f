import { WireError } from '../../errors.js';
import { parseDescription } from '../description.js';
import { DESCRIPTION_HEADER_SIZE, SECTION } from '../layout.js';
import { decodeUtf8 } from '../text.js';
import type { ByteReader } from './byte-reader.js';
import { DescriptionFinder } from './description-finder.js';
import type { EarlySections } from './early.js';
import { endOfSections } from './end-of-sections.js';
import { confirmEarly, fitDescription } from './fit.js';
import type { Steps } from './ram-records.js';
import type { DeviceStateRecord } from './records.js';

const FIRST_CAPACITY = 64 * 1024;

/**
 * Collects the device state at the end of main (docs/wire.md, 7). Its sections have no lengths and the peer may keep
 * the connection open, so the end is a description that fits all bytes before it.
 */
export class DeviceStateTail {
  readonly #reader: ByteReader;
  readonly #early: EarlySections;
  readonly #limit: number;
  readonly #finder = new DescriptionFinder();
  #bytes: Uint8Array = new Uint8Array(FIRST_CAPACITY);
  #length = 0;
  #start: number | undefined;

  /** @param limit most bytes of device state, description included. */
  constructor(reader: ByteReader, early: EarlySections, limit: number) {
    this.#reader = reader;
    this.#early = early;
    this.#limit = limit;
  }

  /** Whether the stream has reached the device state. */
  get begun(): boolean {
    return this.#start !== undefined;
  }

  /**
   * Collects until the end is recognized, and yields the device state.
   * @throws WireError `protocol` if there is more than the limit, no device state at all, or a description that fits
   *   it but not the early sections.
   */
  *read(): Steps {
    const reader = this.#reader;
    reader.part = 'device state';
    this.#start = reader.offset;
    const first = yield* reader.u8('section type');
    if (first !== SECTION.FULL && first !== SECTION.EOF) {
      throw reader.fault('04, a device, or 00, the end', `${first}`);
    }
    this.#append(Uint8Array.of(first));
    for (;;) {
      for (const { start, end } of this.#finder.complete(this.#bytes, this.#length)) {
        const record = this.#tryDescription(start, end);
        if (record === undefined) continue;
        yield record;
        return;
      }
      this.#append(yield* reader.all('device state'));
    }
  }

  /** Whether the collected bytes end as device state does: with the end of sections, or a description after it. */
  get mayEndHere(): boolean {
    return endOfSections(this.#bytes.subarray(0, this.#length)) !== undefined;
  }

  /**
   * The peer has closed main. Returns the collected bytes if they can be complete: they must end with the end of
   * sections, or with a description after it. The description need not fit, nor be JSON (docs/wire.md, 7.4), unless
   * there are early sections, which nothing else can confirm.
   * @throws WireError `protocol` if the stream is truncated.
   */
  finish(): DeviceStateRecord {
    const bytes = this.#bytes.subarray(0, this.#length);
    const eof = endOfSections(bytes);
    if (eof === undefined) {
      const expected = 'the end of sections, and a description';
      const got = 'main stream ends inside the device state';
      const offset = this.#reader.offset;
      throw new WireError({ where: this.#reader.place, field: 'device state', offset, expected, got });
    }
    const text = bytes.subarray(eof + DESCRIPTION_HEADER_SIZE);
    const vmdesc = text.length === 0 ? undefined : decodeUtf8(text);
    const early = this.#early.found;
    if (early.length > 0 && text.length > 0) confirmEarly(parseDescription(vmdesc ?? '').devices, early);
    return { type: 'device-state', bytes, sections: [], vmdesc };
  }

  #tryDescription(start: number, end: number): DeviceStateRecord | undefined {
    const vmdesc = decodeUtf8(this.#bytes.subarray(start + DESCRIPTION_HEADER_SIZE, end));
    if (vmdesc === undefined) return undefined;
    const bytes = this.#bytes.subarray(0, end);
    const sections = fitDescription(bytes, vmdesc, this.#early.found);
    return sections === undefined ? undefined : { type: 'device-state', bytes, sections, vmdesc };
  }

  #append(bytes: Uint8Array): void {
    const length = this.#length + bytes.length;
    if (length > this.#limit) throw this.#reader.fault(`at most ${this.#limit} bytes`, 'more');
    if (length > this.#bytes.length) {
      const grown = new Uint8Array(Math.min(this.#limit, Math.max(length, 2 * this.#bytes.length)));
      grown.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = grown;
    }
    this.#bytes.set(bytes, this.#length);
    this.#length = length;
  }
}

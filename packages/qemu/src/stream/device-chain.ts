import { WireError } from '@multifd/core';
import { FOOTER_SIZE, MAX_DEVICE_STATE, SECTION } from '@multifd/core/wire';
import type { ByteSource } from './byte-source.js';
import { ChainEnds, MOST_END } from './chain-ends.js';
import { SearchWindow } from './search-window.js';

/** Most sections that are followed. QEMU's machines have a hundred or so; a hostile file could have millions. */
const MOST_SECTIONS = 65_536;
/** Type, section id, length of the name; then the name, instance id and version id. */
const HEAD = 6;
const MOST_HEAD = HEAD + 255 + 8;

/** Most footers that are looked at, those included that are some device's state. */
const MOST_FOOTERS = 2 ** 20;

/**
 * Where the sections end, told by their headers and footers alone: nothing describes the devices, so none has a length. From
 * `from` on each section's first footer is looked for that has the next section's header behind it. A 00 behind a footer is
 * the end only if no such header comes: a device's state may have these bytes.
 * @returns offset of the 00; undefined if the sections end otherwise, as in a file that is cut before it.
 * @throws WireError `protocol` if two places may be the end, and for more sections or footers than any machine has.
 */
export function endOfChain(source: ByteSource, from: number): number | undefined {
  return new DeviceChain(source, from).end();
}

class DeviceChain {
  readonly #source: ByteSource;
  readonly #from: number;
  readonly #window: SearchWindow;
  #footers = 0;

  constructor(source: ByteSource, from: number) {
    this.#source = source;
    this.#from = from;
    const limit = Math.min(source.size, from + MAX_DEVICE_STATE);
    this.#window = new SearchWindow(source, limit, Math.max(MOST_HEAD, MOST_END));
  }

  end(): number | undefined {
    const window = this.#window;
    window.keep(this.#from);
    if (window.u8(this.#from) === SECTION.EOF) return this.#from;
    let at = this.#from;
    for (let count = 0; count < MOST_SECTIONS; count++) {
      const body = behindHeader(window, at);
      if (body === undefined) return undefined;
      const next = this.#nextOrEnd(body, window.u32(at + 1) ?? 0);
      if (next === undefined || next.isEnd) return next?.at;
      at = next.at;
    }
    throw this.#tooMany('device sections', at, MOST_SECTIONS);
  }

  /** Where the section behind that of `id` begins, whose state stands from `from` on, or where the sections end. */
  #nextOrEnd(from: number, id: number): { readonly at: number; readonly isEnd: boolean } | undefined {
    const window = this.#window;
    const ends = new ChainEnds(this.#source, window);
    for (let start = from; ; ) {
      const behind = window.behindFooter(start, id);
      if (behind === undefined) break;
      if (++this.#footers > MOST_FOOTERS) throw this.#tooMany('footers of devices', behind, MOST_FOOTERS);
      if (window.u8(behind) === SECTION.EOF && ends.add(behind)) return { at: behind, isEnd: true };
      if (behindHeader(window, behind) !== undefined) return { at: behind, isEnd: false };
      // What looks like two footers may overlap, if the id has a 7e.
      start = behind - FOOTER_SIZE + 1;
    }
    const at = ends.choose();
    return at === undefined ? undefined : { at, isEnd: true };
  }

  #tooMany(field: string, offset: number, most: number): WireError {
    const { name: where } = this.#source;
    return new WireError({ where, field, offset, expected: `at most ${most}`, got: 'another' });
  }
}

/** Behind the header, at `at`, of a FULL section with a name as QEMU's devices have them; undefined for anything else. */
function behindHeader(window: SearchWindow, at: number): number | undefined {
  if (window.u8(at) !== SECTION.FULL) return undefined;
  const length = window.u8(at + HEAD - 1) ?? 0;
  const end = at + HEAD + length + 8;
  if (length === 0 || window.u8(end - 1) === undefined) return undefined;
  for (let name = at + HEAD; name < at + HEAD + length; name++) {
    const byte = window.u8(name) ?? 0;
    if (byte < 0x20 || byte >= 0x7f) return undefined;
  }
  return end;
}

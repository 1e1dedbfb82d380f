import { FOOTER_SIZE, MAX_DEVICE_STATE, SECTION } from '@multifd/core/wire';
import type { ByteSource } from './byte-source.js';

/** Bytes that are searched at once. */
const WINDOW = 2 ** 20;
/** Type, section id, length of the name; then the name, instance id and version id. */
const HEAD = 6;
const MOST_HEAD = HEAD + 255 + 8;

/**
 * Where the sections end, told by their headers and footers alone: nothing describes the devices, so none has a length. From
 * `from` on each section's first footer is looked for that has the next section's header behind it, or the 00 of the end.
 * @returns offset of the 00; undefined if the sections end otherwise, as in a file that is cut before it.
 */
export function endOfChain(source: ByteSource, from: number): number | undefined {
  const window = new Window(source, Math.min(source.size, from + MAX_DEVICE_STATE));
  for (let at = from; ; ) {
    const bytes = window.from(at);
    if (bytes[0] === SECTION.EOF) return at;
    const size = headerSize(bytes);
    if (size === undefined) return undefined;
    const next = behindFooter(window, at + size, Buffer.from(bytes.subarray(1, FOOTER_SIZE)));
    if (next === undefined) return undefined;
    at = next;
  }
}

/** Of the header of a FULL section with a name as QEMU's devices have them; undefined for anything else. */
function headerSize(bytes: Uint8Array): number | undefined {
  const length = bytes[HEAD - 1] ?? 0;
  const size = HEAD + length + 8;
  if (bytes[0] !== SECTION.FULL || length === 0 || bytes.length < size) return undefined;
  return bytes.subarray(HEAD, HEAD + length).every((byte) => byte >= 0x20 && byte < 0x7f) ? size : undefined;
}

/** Behind the first footer of section `id` from `from` on that something follows which may follow a section. */
function behindFooter(window: Window, from: number, id: Buffer): number | undefined {
  const footer = Buffer.concat([Buffer.of(SECTION.FOOTER), id]);
  for (let start = from; ; ) {
    const bytes = window.from(start);
    if (bytes.length < FOOTER_SIZE) return undefined;
    for (let at = bytes.indexOf(footer); at >= 0; at = bytes.indexOf(footer, at + 1)) {
      const next = at + FOOTER_SIZE;
      const isWhole = next + MOST_HEAD <= bytes.length;
      const behind = isWhole ? bytes.subarray(next) : window.beside(start + next);
      if (behind[0] === SECTION.EOF || headerSize(behind) !== undefined) return start + next;
    }
    start += bytes.length - FOOTER_SIZE + 1;
  }
}

/** The bytes of a source up to a limit, of which a piece is kept. */
class Window {
  readonly #source: ByteSource;
  readonly #end: number;
  readonly #kept = Buffer.alloc(WINDOW);
  #start = 0;
  #length = 0;

  constructor(source: ByteSource, end: number) {
    this.#source = source;
    this.#end = end;
  }

  /** What is kept from `at` on: at least `MOST_HEAD` bytes, fewer at the end. Valid until the next call. */
  from(at: number): Buffer {
    const wanted = Math.max(0, Math.min(MOST_HEAD, this.#end - at));
    if (at < this.#start || at + wanted > this.#start + this.#length) {
      this.#start = at;
      this.#length = Math.max(0, Math.min(WINDOW, this.#end - at));
      this.#source.read(at, this.#kept.subarray(0, this.#length));
    }
    return this.#kept.subarray(at - this.#start, this.#length);
  }

  /** At most `MOST_HEAD` bytes from `at` on, while what `from` gave stays valid. */
  beside(at: number): Buffer {
    const bytes = Buffer.alloc(Math.max(0, Math.min(MOST_HEAD, this.#end - at)));
    this.#source.read(at, bytes);
    return bytes;
  }
}

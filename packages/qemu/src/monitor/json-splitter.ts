import { Refusal } from './refusal.js';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const NEWLINE = 0x0a;
/** Never in UTF-8: a client that does not know what came before it sends this, and begins anew. */
const RESET = 0xff;
/** Brackets within brackets, as QEMU allows them. An answer gives `id` back: Node before 26 writes none that is much deeper. */
const DEEPEST = 1024;

const isSpace = (byte: number): boolean => byte === 0x20 || (byte >= 0x09 && byte <= 0x0d);
const opens = (byte: number): boolean => byte === 0x7b || byte === 0x5b;
const closes = (byte: number): boolean => byte === 0x7d || byte === 0x5d;

/**
 * Cuts what a client sends into texts, each of one JSON value as far as brackets and strings show. A client need not send
 * line ends (Python's `qemu.qmp` does not): a command ends with its last bracket, as for QEMU's own parser. What begins with
 * no bracket is no command, and ends with its line.
 */
export class JsonSplitter {
  readonly #longest: number;
  #parts: Uint8Array[] = [];
  #length = 0;
  #depth = 0;
  #isTooDeep = false;
  #inString = false;
  #escaped = false;
  /** Something other than space has come since the last text. */
  #begun = false;

  /** @param longest bytes of a text, at most. */
  constructor(longest: number) {
    this.#longest = longest;
  }

  /**
   * The texts that `chunk` completes, or why one of them is none. The chunk is copied as far as it is kept.
   * @throws Refusal for a text that is longer: the rest of the connection cannot be read then.
   */
  *push(chunk: Uint8Array): Generator<string | Refusal> {
    let start = 0;
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at] ?? 0;
      if (byte === RESET) {
        this.#reset();
        start = at + 1;
      } else if (this.#endsWith(byte)) {
        yield this.#complete(chunk.subarray(start, at + 1));
        start = at + 1;
      } else if (!this.#begun) start = at + 1;
    }
    this.#keep(chunk.subarray(start));
  }

  /** Whether `byte` is the last of a text. */
  #endsWith(byte: number): boolean {
    if (this.#inString) {
      if (this.#escaped) this.#escaped = false;
      else if (byte === BACKSLASH) this.#escaped = true;
      else if (byte === QUOTE) this.#inString = false;
      return false;
    }
    if (!this.#begun && isSpace(byte)) return false;
    this.#begun = true;
    if (byte === QUOTE && this.#depth > 0) this.#inString = true;
    else if (opens(byte)) this.#open();
    else if (closes(byte)) return --this.#depth <= 0;
    return byte === NEWLINE && this.#depth === 0;
  }

  #open(): void {
    this.#depth++;
    if (this.#depth > DEEPEST) this.#isTooDeep = true;
  }

  #keep(rest: Uint8Array): void {
    this.#length += rest.length;
    if (this.#length > this.#longest)
      throw new Refusal(`JSON token size limit exceeded: ${this.#longest} bytes`);
    if (rest.length > 0) this.#parts.push(rest.slice());
  }

  #complete(last: Uint8Array): string | Refusal {
    this.#keep(last);
    const bytes = Buffer.concat(this.#parts);
    const isTooDeep = this.#isTooDeep;
    this.#reset();
    if (isTooDeep) return new Refusal('JSON nesting depth limit exceeded');
    try {
      return new TextDecoder('utf-8', { fatal: true }).decode(bytes).trim();
    } catch {
      return new Refusal('JSON parse error, invalid UTF-8 sequence in string');
    }
  }

  #reset(): void {
    this.#parts = [];
    this.#length = 0;
    this.#depth = 0;
    this.#isTooDeep = false;
    this.#inString = false;
    this.#escaped = false;
    this.#begun = false;
  }
}

import { QmpError } from './error.js';

/** Bytes; `query-qmp-schema` is the longest answer that QEMU gives, about 250 KiB. */
const MAX_LINE = 64 * 2 ** 20;

/** Cuts what the monitor sends into lines, in whatever chunks it comes. Each line is one JSON value. */
export class LineSplitter {
  #parts: Uint8Array[] = [];
  #length = 0;

  /**
   * The lines that `chunk` completes, without their ends. The chunk is copied as far as it is kept.
   * @throws QmpError `protocol` for a line above 64 MiB, or one that is not UTF-8.
   */
  *push(chunk: Uint8Array): Generator<string> {
    let start = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
      const line = this.#complete(chunk.subarray(start, end));
      start = end + 1;
      if (line !== '') yield line;
    }
    this.#length += chunk.length - start;
    if (this.#length > MAX_LINE) throw new QmpError('protocol', `QMP: a line of more than ${MAX_LINE} bytes`);
    if (start < chunk.length) this.#parts.push(chunk.slice(start));
  }

  #complete(last: Uint8Array): string {
    const bytes = this.#parts.length === 0 ? last : Buffer.concat([...this.#parts, last]);
    this.#parts = [];
    this.#length = 0;
    try {
      return new TextDecoder('utf-8', { fatal: true }).decode(bytes).trim();
    } catch (cause) {
      throw new QmpError('protocol', 'QMP: a line that is not UTF-8', { cause });
    }
  }
}

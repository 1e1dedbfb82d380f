import { MainStreamDecoder, type MainStreamOptions } from '../../src/public/wire.js';
import { mergeZeroRuns, type PlainRecord, toPlain } from './plain.js';

/** All records of a stream that comes in these chunks and, if `eof`, then ends. */
export function decodeMain(
  chunks: Iterable<Uint8Array>,
  options: MainStreamOptions,
  eof: boolean,
): PlainRecord[] {
  const decoder = new MainStreamDecoder(options);
  const records: PlainRecord[] = [];
  for (const chunk of chunks) {
    for (const record of decoder.push(chunk)) records.push(toPlain(record));
  }
  if (eof) {
    for (const record of decoder.end()) records.push(toPlain(record));
  }
  return mergeZeroRuns(records);
}

/** The bytes in a larger buffer, `shift` bytes behind its start. */
export function shifted(bytes: Uint8Array, shift: number): Uint8Array {
  const buffer = new Uint8Array(bytes.length + shift + 3).fill(0xa5);
  buffer.set(bytes, shift);
  return buffer.subarray(shift, shift + bytes.length);
}

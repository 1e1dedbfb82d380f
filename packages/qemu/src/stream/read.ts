import { WireError } from '@multifd/core';
import type { ByteSource } from './byte-source.js';
import { endByChain, endOfFile, otherEnds } from './ends.js';
import type { RamSink } from './file-ram.js';
import type { MigrationFile, ReadOptions } from './migration-file.js';
import { Reader } from './reader.js';

export type * from './migration-file.js';

/**
 * Reads what a migration file says about itself (docs/wire.md, 2, 3, 7 and 8): one that QEMU wrote with
 * mapped-ram, or a single stream of `file:` or `exec:`. Contents of RAM pages are not read. As QEMU does, it takes a
 * description that is not JSON, is cut or is not there (then nothing tells the devices apart), and bytes behind the stream.
 * @throws WireError `protocol` for a file that is cut or is none; `incompatible` for live sections other than RAM;
 * MultifdError `io`.
 */
export function readMigrationFile(source: ByteSource, options: ReadOptions = {}): MigrationFile {
  const reading = readInSteps(source, options);
  for (;;) {
    const { done, value } = reading.next();
    if (done) return value;
  }
}

/**
 * As `readMigrationFile`. Yields the byte of the file that comes next, now and then.
 * @param sink gets the pages of a single stream, perhaps all of them again; without it they are counted.
 */
export function* readInSteps(
  source: ByteSource,
  options: ReadOptions,
  sink?: RamSink,
): Generator<number, MigrationFile> {
  const atEnd = endOfFile(source);
  const reader = new Reader(source, options, atEnd, sink);
  const [first, error] = yield* attempt(reader);
  if (error !== undefined && error.code !== 'protocol') throw error;
  // Up to there the end of the file does not matter.
  const from = reader.stateAt;
  if (from !== undefined && (first === undefined || atEnd.description === undefined)) {
    for (const end of otherEnds(source, from)) {
      // A description that fits every byte says more than an end that merely looks like one.
      if (first !== undefined && end.description === undefined) continue;
      const [other] = yield* attempt(new Reader(source, options, end, sink));
      if (other !== undefined) return other;
    }
  }
  if (first !== undefined) return first;
  const { ramEnd } = reader;
  const chained = ramEnd === undefined ? undefined : endByChain(source, ramEnd);
  if (chained === undefined) throw error;
  const [last, wrong] = yield* attempt(new Reader(source, options, chained, sink));
  if (last === undefined) throw wrong;
  return last;
}

/** What it reads, or what is wrong with it. */
function* attempt(
  reader: Reader,
): Generator<number, readonly [MigrationFile | undefined, WireError | undefined]> {
  try {
    return [yield* reader.read(), undefined];
  } catch (error) {
    if (error instanceof WireError) return [undefined, error];
    throw error;
  }
}

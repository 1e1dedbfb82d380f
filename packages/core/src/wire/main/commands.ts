import { readU64 } from '../bytes.js';
import { COMMAND } from '../layout.js';
import type { ByteReader, Reading } from './byte-reader.js';
import type { CommandRecord } from './records.js';

/** A summary of the page sizes, and the target's page size: 8 bytes each. */
const ADVICE_SIZE = 16;

/** Data sizes, in bytes, that this end accepts for each command. */
const DATA_SIZES: ReadonlyMap<number, readonly number[]> = new Map([
  [COMMAND.OPEN_RETURN_PATH, [0]],
  [COMMAND.PING, [4]],
  // Empty if only for dirty bitmaps; with data it announces postcopy, which the source may never start.
  [COMMAND.POSTCOPY_ADVISE, [0, ADVICE_SIZE]],
  [COMMAND.SWITCHOVER_START, [0]],
]);

/** Commands that QEMU knows and we refuse. Those of postcopy arrive only when the source really switches to it. */
const REFUSED: ReadonlyMap<number, string> = new Map([
  [COMMAND.POSTCOPY_LISTEN, 'POSTCOPY_LISTEN'],
  [COMMAND.POSTCOPY_RUN, 'POSTCOPY_RUN'],
  [COMMAND.POSTCOPY_RAM_DISCARD, 'POSTCOPY_RAM_DISCARD'],
  [COMMAND.PACKAGED, 'PACKAGED'],
  [COMMAND.ENABLE_COLO, 'ENABLE_COLO'],
  [COMMAND.POSTCOPY_RESUME, 'POSTCOPY_RESUME'],
  [COMMAND.RECV_BITMAP, 'RECV_BITMAP'],
]);

const POSTCOPY_HINT = 'let the source finish without migrate-start-postcopy; postcopy-ram may stay on there';
const PAGES_HINT = 'give this end the page size of the guest';
const COLO_HINT = 'turn x-colo off on the source';

/**
 * Reads a command of a connection, after its type byte (docs/wire.md, 2.4).
 * @throws WireError `incompatible` for postcopy and COLO, `protocol` for unknown commands and wrong lengths.
 */
export function* readCommand(reader: ByteReader, pageSize: number): Reading<CommandRecord> {
  const command = yield* readNumber(reader);
  const expected = DATA_SIZES.get(command);
  if (expected === undefined) {
    const name = REFUSED.get(command);
    if (name === undefined) throw reader.fault('a known command', `${command}`);
    const hint = command === COMMAND.ENABLE_COLO ? COLO_HINT : POSTCOPY_HINT;
    throw reader.fault('a precopy command', `${name} (${command})`, 'incompatible', hint);
  }
  const record = yield* readData(reader, command, expected);
  if (announcesPostcopy(record) && readU64(record.data, 8) !== pageSize) {
    const got = `${readU64(record.data, 8)}`;
    throw reader.fault(`pages of ${pageSize} bytes`, got, 'incompatible', PAGES_HINT);
  }
  return record;
}

/**
 * Reads any command, after its type byte: for a reader that lists a stream's content without acting on it.
 */
export function* readAnyCommand(reader: ByteReader): Reading<CommandRecord> {
  return yield* readData(reader, yield* readNumber(reader), undefined);
}

function* readNumber(reader: ByteReader): Reading<number> {
  reader.part = 'command';
  return yield* reader.u16('command');
}

/** Reads a command's data. @param sizes valid sizes in bytes; undefined: any. */
function* readData(
  reader: ByteReader,
  command: number,
  sizes: readonly number[] | undefined,
): Reading<CommandRecord> {
  const size = yield* reader.u16('command length');
  if (sizes !== undefined && !sizes.includes(size)) throw reader.fault(sizes.join(' or '), `${size}`);
  const data = (yield* reader.take(size, 'command data')).slice();
  return { type: 'command', command, data };
}

/** Whether the source may switch to postcopy later: its block list may then name page sizes (docs/wire.md, 3.1). */
export function announcesPostcopy({ command, data }: CommandRecord): boolean {
  return command === COMMAND.POSTCOPY_ADVISE && data.length === ADVICE_SIZE;
}

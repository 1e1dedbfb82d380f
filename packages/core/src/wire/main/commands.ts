import { readU64 } from '../bytes.js';
import { COMMAND } from '../layout.js';
import type { ByteReader, Reading } from './byte-reader.js';
import type { CommandRecord } from './records.js';

/** A summary of the page sizes, and that of the target: 8 bytes each. */
const ADVICE_SIZE = 16;

/** Bytes of data that each command may have here. */
const DATA_SIZES: ReadonlyMap<number, readonly number[]> = new Map([
  [COMMAND.OPEN_RETURN_PATH, [0]],
  [COMMAND.PING, [4]],
  // Empty if it is only for dirty bitmaps; with data it announces postcopy, which may never come.
  [COMMAND.POSTCOPY_ADVISE, [0, ADVICE_SIZE]],
  [COMMAND.SWITCHOVER_START, [0]],
]);

/** Commands that QEMU knows, and that are not for us. Those of postcopy come when the source really switches to it. */
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
 * A command, after its type byte (docs/wire.md, 2.4).
 * @throws WireError `incompatible` for postcopy and COLO, `protocol` for unknown commands and wrong lengths.
 */
export function* readCommand(reader: ByteReader, pageSize: number): Reading<CommandRecord> {
  reader.place = 'main stream, command';
  const command = yield* reader.u16('command');
  const expected = DATA_SIZES.get(command);
  if (expected === undefined) {
    const name = REFUSED.get(command);
    if (name === undefined) throw reader.fault('a known command', `${command}`);
    const hint = command === COMMAND.ENABLE_COLO ? COLO_HINT : POSTCOPY_HINT;
    throw reader.fault('a precopy command', `${name} (${command})`, 'incompatible', hint);
  }
  const size = yield* reader.u16('command length');
  if (!expected.includes(size)) throw reader.fault(expected.join(' or '), `${size}`);
  const data = (yield* reader.take(size, 'command data')).slice();
  const record: CommandRecord = { type: 'command', command, data };
  if (announcesPostcopy(record) && readU64(data, 8) !== pageSize) {
    throw reader.fault(`pages of ${pageSize} bytes`, `${readU64(data, 8)}`, 'incompatible', PAGES_HINT);
  }
  return record;
}

/** Whether the source may go over to postcopy later: then its block list may name page sizes (docs/wire.md, 3.1). */
export function announcesPostcopy({ command, data }: CommandRecord): boolean {
  return command === COMMAND.POSTCOPY_ADVISE && data.length === ADVICE_SIZE;
}

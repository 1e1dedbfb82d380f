import { COMMAND } from '../layout.js';
import type { ByteReader, Reading } from './byte-reader.js';
import type { CommandRecord } from './records.js';

/** Bytes of data that each command may have here. */
const DATA_SIZE: ReadonlyMap<number, number> = new Map([
  [COMMAND.OPEN_RETURN_PATH, 0],
  [COMMAND.PING, 4],
  // Empty if it is only for dirty bitmaps; with data it announces postcopy.
  [COMMAND.POSTCOPY_ADVISE, 0],
  [COMMAND.SWITCHOVER_START, 0],
]);

/** Commands that QEMU knows, but never sends together with multifd. */
const REFUSED: ReadonlyMap<number, string> = new Map([
  [COMMAND.POSTCOPY_LISTEN, 'POSTCOPY_LISTEN'],
  [COMMAND.POSTCOPY_RUN, 'POSTCOPY_RUN'],
  [COMMAND.POSTCOPY_RAM_DISCARD, 'POSTCOPY_RAM_DISCARD'],
  [COMMAND.PACKAGED, 'PACKAGED'],
  [COMMAND.ENABLE_COLO, 'ENABLE_COLO'],
  [COMMAND.POSTCOPY_RESUME, 'POSTCOPY_RESUME'],
  [COMMAND.RECV_BITMAP, 'RECV_BITMAP'],
]);

const HINT = 'turn postcopy-ram and x-colo off on the source';

/**
 * A command, after its type byte (wire reference 2.4).
 * @throws WireError `incompatible` for postcopy and COLO, `protocol` for unknown commands and wrong lengths.
 */
export function* readCommand(reader: ByteReader): Reading<CommandRecord> {
  reader.place = 'main stream, command';
  const command = yield* reader.u16('command');
  const expected = DATA_SIZE.get(command);
  if (expected === undefined) {
    const name = REFUSED.get(command);
    if (name === undefined) throw reader.fault('a known command', `${command}`);
    throw reader.fault('a precopy command', `${name} (${command})`, 'incompatible', HINT);
  }
  const size = yield* reader.u16('command length');
  if (size !== expected) {
    if (command !== COMMAND.POSTCOPY_ADVISE) throw reader.fault(`${expected}`, `${size}`);
    throw reader.fault('0', `${size}, which announces postcopy`, 'incompatible', HINT);
  }
  return { type: 'command', command, data: (yield* reader.take(size, 'command data')).slice() };
}

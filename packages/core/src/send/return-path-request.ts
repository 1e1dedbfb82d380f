import type { MigrationParameters } from '../parameters.js';
import { u32 } from '../wire/bytes.js';
import { COMMAND } from '../wire/layout.js';
import { encodeCommand } from '../wire/main/encode.js';
import { RETURN_PATH_REQUEST } from '../wire/reason.js';
import { PING_HAS_ZERO_RUNS, PING_IS_RELAY, pingOfChannels } from '../wire/return-path.js';

/** Value of the PING that QEMU sends right behind OPEN_RETURN_PATH. */
const QEMU_PING = 1;

/** Commands that open the return path. */
export interface ReturnPathRequest {
  /** In the order in which they are sent; empty without a return path. */
  readonly commands: readonly Uint8Array[];
  /** Value of the last PING: its PONG comes behind every other answer. Undefined without a return path. */
  readonly lastPing: number | undefined;
}

/**
 * What this end sends to open the return path, and to tell another multifd what it can do (docs/wire.md, 14). A QEMU
 * answers each PING with a PONG, and that is all.
 * @param end a source's channels can send runs of zero pages; a relay's pass on what they get.
 */
export function returnPathRequest(
  { returnPath, wire, multifdChannels }: Pick<MigrationParameters, 'returnPath' | 'wire' | 'multifdChannels'>,
  end: 'source' | 'relay',
): ReturnPathRequest {
  if (!returnPath) return { commands: [], lastPing: undefined };
  if (wire === 'qemu') {
    return { commands: [encodeCommand(COMMAND.OPEN_RETURN_PATH), ping(QEMU_PING)], lastPing: QEMU_PING };
  }
  const channels = pingOfChannels(multifdChannels);
  const commands = [
    RETURN_PATH_REQUEST,
    ping(end === 'source' ? PING_HAS_ZERO_RUNS : PING_IS_RELAY),
    ping(channels),
  ];
  return { commands, lastPing: channels };
}

function ping(value: number): Uint8Array {
  return encodeCommand(COMMAND.PING, u32(value));
}

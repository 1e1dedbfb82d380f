import { MultifdError, WireError } from '../errors.js';
import { hex, readU32, sameBytes, writeU32 } from './bytes.js';
import { CHANNEL_MAGIC, CHANNEL_VERSION, INIT_PACKET_SIZE, MAX_CHANNELS } from './layout.js';
import { formatUuid } from './text.js';

const UUID_AT = 8;
const UUID_SIZE = 16;
const CHANNEL_AT = 24;

/** The first packet on each channel (docs/wire.md, 4.1). */
export interface InitPacket {
  /** The guest's UUID, 16 raw bytes; all zero if it has none. */
  uuid: Uint8Array;
  /** Number of the channel, 0 to channels - 1; independent of the order of connecting. */
  channel: number;
}

/** What this end expects of the peer's init packets. */
export interface ExpectedPeer {
  readonly uuid: Uint8Array;
  /** N, the number of channels: never announced, so both ends must be configured with the same number. */
  readonly channels: number;
}

/**
 * Encodes an init packet: 64 bytes, owned by the caller.
 * @throws MultifdError `usage` if the uuid is not 16 bytes or the channel is not 0 to 254.
 */
export function encodeInitPacket(packet: InitPacket): Uint8Array {
  if (packet.uuid.length !== UUID_SIZE) {
    throw new MultifdError('usage', `uuid: must be ${UUID_SIZE} bytes, is ${packet.uuid.length}`);
  }
  if (!Number.isInteger(packet.channel) || packet.channel < 0 || packet.channel >= MAX_CHANNELS) {
    throw new MultifdError('usage', `channel ${packet.channel}: must be 0 to ${MAX_CHANNELS - 1}`);
  }
  const bytes = new Uint8Array(INIT_PACKET_SIZE);
  writeU32(bytes, 0, CHANNEL_MAGIC);
  writeU32(bytes, 4, CHANNEL_VERSION);
  bytes.set(packet.uuid, UUID_AT);
  bytes[CHANNEL_AT] = packet.channel;
  return bytes;
}

/**
 * Reads an init packet. Ignores the 39 reserved bytes, as QEMU does. The result owns its uuid.
 * @param where the connection, for messages.
 * @throws WireError `protocol` for a wrong size, magic or version.
 */
export function decodeInitPacket(bytes: Uint8Array, where: string): InitPacket {
  const fault = (field: string, offset: number, expected: string, got: string): WireError =>
    new WireError({ where, field: `init packet ${field}`, offset, expected, got });
  if (bytes.length !== INIT_PACKET_SIZE) {
    throw fault('size', 0, `${INIT_PACKET_SIZE} bytes`, `${bytes.length}`);
  }
  const magic = readU32(bytes, 0);
  if (magic !== CHANNEL_MAGIC) throw fault('magic', 0, hex(CHANNEL_MAGIC), hex(magic, 8));
  const version = readU32(bytes, 4);
  if (version !== CHANNEL_VERSION) throw fault('version', 4, `${CHANNEL_VERSION}`, `${version}`);
  return { uuid: bytes.slice(UUID_AT, UUID_AT + UUID_SIZE), channel: bytes[CHANNEL_AT] };
}

/**
 * Checks that a channel belongs to this migration: its uuid is equal (always compared, docs/wire.md, 4.1) and its
 * number below the count of channels. The caller checks that the number is not taken.
 * @throws WireError `incompatible`.
 */
export function checkInitPacket(packet: InitPacket, expected: ExpectedPeer, where: string): void {
  if (!sameBytes(packet.uuid, expected.uuid)) {
    throw new WireError(
      {
        where,
        field: 'init packet uuid',
        offset: UUID_AT,
        expected: formatUuid(expected.uuid),
        got: formatUuid(packet.uuid),
      },
      'incompatible',
      'give both ends the same VM uuid (QEMU: -uuid), or none to both',
    );
  }
  if (packet.channel >= expected.channels) {
    throw new WireError(
      {
        where,
        field: 'init packet channel',
        offset: CHANNEL_AT,
        expected: `below ${expected.channels}, the number of channels`,
        got: `${packet.channel}`,
      },
      'incompatible',
      'set multifd-channels to the same number on both ends',
    );
  }
}

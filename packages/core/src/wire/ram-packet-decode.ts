import { WireError } from '../errors.js';
import { hex, hexBytes, readU32, readU64 } from './bytes.js';
import {
  CHANNEL_MAGIC,
  CHANNEL_VERSION,
  FLAG_DEVICE_STATE,
  FLAG_SYNC,
  FLAG_ZERO_RUNS,
  maxPagesPerPacket,
  PACKET_OFFSETS_AT,
  PACKET_PREFIX_SIZE,
  packetHeaderSize,
} from './layout.js';
import { readOffsets } from './page-offsets.js';
import { requirePageSize } from './page-size.js';
import type { RamPacket } from './ram-packet.js';
import { decodeName } from './text.js';

const NAME_AT = 64;
const NAME_FIELD_SIZE = 256;

/**
 * Reads a packet's flags from its first 12 bytes, and checks magic and version. A receiver calls this before it reads
 * a full RAM header: a device-state packet is shorter (docs/wire.md, 4.4), so waiting for a full header could last
 * for ever. Hence this refuses such a packet.
 * @throws WireError `protocol` for size, magic, version; `incompatible` for a device-state packet.
 */
export function peekFlags(first12: Uint8Array, where: string): number {
  if (first12.length < PACKET_PREFIX_SIZE) {
    throw fault(where, 'packet', 0, `at least ${PACKET_PREFIX_SIZE} bytes`, `${first12.length}`);
  }
  const magic = readU32(first12, 0);
  if (magic !== CHANNEL_MAGIC) throw fault(where, 'magic', 0, hex(CHANNEL_MAGIC), hex(magic, 8));
  const version = readU32(first12, 4);
  if (version !== CHANNEL_VERSION) throw fault(where, 'version', 4, `${CHANNEL_VERSION}`, `${version}`);
  const flags = readU32(first12, 8);
  if ((flags & FLAG_DEVICE_STATE) !== 0) {
    throw new WireError(
      {
        where,
        field: 'flags',
        offset: 8,
        expected: 'a RAM packet',
        got: `${hex(flags)}, a device-state packet`,
      },
      'incompatible',
      'device-state packets (VFIO with multifd) are not supported: set x-migration-multifd-transfer=off on the device',
    );
  }
  return flags;
}

/**
 * Reads the packet headers of one channel. Keeps the last block name as bytes, so that a packet of the same block
 * costs a comparison and no new string.
 */
export class RamPacketDecoder {
  readonly #where: string;
  readonly #capacity: number;
  readonly #headerSize: number;
  readonly #nameBytes = new Uint8Array(NAME_FIELD_SIZE);
  #nameSize = 0;
  #name = '';

  /**
   * @param pageSize target page size in bytes.
   * @param where the connection, for messages.
   * @throws MultifdError `usage` for a wrong page size.
   */
  constructor(pageSize: number, where: string) {
    requirePageSize(pageSize);
    this.#where = where;
    this.#capacity = maxPagesPerPacket(pageSize);
    this.#headerSize = packetHeaderSize(pageSize);
  }

  /**
   * Reads `header` (a full header, owned by the caller, not kept) into `packet`. Ignores fields beyond the counts:
   * QEMU ≤ 8.2 leaves stale names, offsets and payload sizes there (docs/wire.md, 4.2). Offsets are exact, but not
   * yet checked against a block: see `checkRamPacket`. After an error `packet` is half filled.
   * @throws WireError `protocol`; `incompatible` for a device-state packet.
   */
  decode(header: Uint8Array, packet: RamPacket): void {
    if (header.length !== this.#headerSize) {
      throw fault(this.#where, 'packet header', 0, `${this.#headerSize} bytes`, `${header.length}`);
    }
    const flags = peekFlags(header, this.#where);
    const allocated = readU32(header, 12);
    if (allocated > this.#capacity) {
      throw fault(this.#where, 'pages allocated', 12, `at most ${this.#capacity}`, `${allocated}`);
    }
    const normal = readU32(header, 16);
    if (normal > allocated) throw fault(this.#where, 'normal pages', 16, `at most ${allocated}`, `${normal}`);
    const zero = readU32(header, 32);
    if (zero > allocated - normal) {
      throw fault(this.#where, 'zero pages', 32, `at most ${allocated - normal}`, `${zero}`);
    }
    packet.flags = flags;
    packet.pagesAllocated = allocated;
    packet.normalPages = normal;
    const hasRuns = (flags & FLAG_ZERO_RUNS) !== 0;
    if (hasRuns) this.#checkRuns(flags, normal, zero);
    packet.zeroPages = hasRuns ? 0 : zero;
    packet.zeroRuns = hasRuns ? zero / 2 : 0;
    packet.payloadSize = normal === 0 ? 0 : readU32(header, 20);
    packet.packetNumber = readU64(header, 24);
    packet.blockName = normal + zero === 0 ? '' : this.#readName(header);
    this.#readOffsets(header, normal + zero, packet.offsets);
  }

  /** @throws WireError unless a packet with runs has nothing else. */
  #checkRuns(flags: number, normal: number, entries: number): void {
    if ((flags & FLAG_SYNC) !== 0) throw fault(this.#where, 'flags', 8, 'no SYNC with zero runs', hex(flags));
    if (normal > 0) throw fault(this.#where, 'normal pages', 16, '0 with zero runs', `${normal}`);
    if (entries === 0 || entries % 2 !== 0) {
      throw fault(this.#where, 'entries of zero runs', 32, 'pairs', `${entries}`);
    }
  }

  #readOffsets(header: Uint8Array, count: number, offsets: Float64Array): void {
    const index = readOffsets(header, PACKET_OFFSETS_AT, offsets, count);
    if (index === count) return;
    const at = PACKET_OFFSETS_AT + 8 * index;
    throw fault(this.#where, `offset[${index}]`, at, 'below 2^53', hexBytes(header.subarray(at, at + 8)));
  }

  #readName(header: Uint8Array): string {
    if (this.#nameSize > 0 && this.#isLastName(header)) return this.#name;
    const size = header.subarray(NAME_AT, NAME_AT + NAME_FIELD_SIZE).indexOf(0);
    if (size < 0) throw fault(this.#where, 'block name', NAME_AT, 'a NUL within 256 bytes', 'none');
    const bytes = header.subarray(NAME_AT, NAME_AT + size);
    const name = decodeName(bytes);
    if (name === undefined) {
      throw fault(
        this.#where,
        'block name',
        NAME_AT,
        '1 to 255 bytes of UTF-8',
        size === 0 ? 'none' : hexBytes(bytes),
      );
    }
    this.#nameBytes.set(bytes);
    this.#nameSize = size;
    this.#name = name;
    return name;
  }

  #isLastName(header: Uint8Array): boolean {
    const size = this.#nameSize;
    for (let i = 0; i < size; i++) {
      if (header[NAME_AT + i] !== this.#nameBytes[i]) return false;
    }
    return header[NAME_AT + size] === 0;
  }
}

function fault(where: string, field: string, offset: number, expected: string, got: string): WireError {
  return new WireError({ where, field, offset, expected, got });
}

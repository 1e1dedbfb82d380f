/** Numbers of the wire format (docs/wire.md, 2 to 4). Every integer on the wire is big-endian. */

/** First four bytes of a multifd channel, and of every packet on it (docs/wire.md, 4). */
export const CHANNEL_MAGIC = 0x11223344;
/** Version of the init packet and of RAM packets. */
export const CHANNEL_VERSION = 1;
/** "QEVM": first four bytes of the main stream (docs/wire.md, 2.1). */
export const MAIN_MAGIC = 0x5145564d;
/** Version of the main stream's framing. */
export const MAIN_VERSION = 3;
/** Version id of the RAM section; any other is refused (docs/wire.md, 2.3). */
export const RAM_VERSION = 4;
/** Name of the RAM section. */
export const RAM_IDSTR = 'ram';

/** Bytes of the first packet on each channel (docs/wire.md, 4.1). */
export const INIT_PACKET_SIZE = 64;
/** Most channels of one migration: the range of `multifd-channels` (docs/wire.md, 10). */
export const MAX_CHANNELS = 255;
/** Most uncompressed bytes of pages in one packet. */
export const PACKET_PAYLOAD_SIZE = 524288;
/** Offset in a RAM packet header of its list of page offsets (docs/wire.md, 4.2). */
export const PACKET_OFFSETS_AT = 320;
/** Bytes of a packet up to and with its flags: enough to recognize a device-state packet (docs/wire.md, 4.4). */
export const PACKET_PREFIX_SIZE = 12;
/** Longest name on the wire in bytes: a pstr's length is one byte, a packet's name field ends with a NUL. */
export const MAX_NAME_SIZE = 255;

/** Types of section on main, one byte each (docs/wire.md, 2.3). */
export const SECTION = {
  EOF: 0x00,
  START: 0x01,
  PART: 0x02,
  END: 0x03,
  FULL: 0x04,
  SUBSECTION: 0x05,
  VMDESCRIPTION: 0x06,
  CONFIGURATION: 0x07,
  COMMAND: 0x08,
  FOOTER: 0x7e,
} as const;

/** Bytes of a section's footer: `7e` and the section's id. */
export const FOOTER_SIZE = 5;
/** Bytes before the JSON text: `00 06 len`, the end of sections and the description's header (docs/wire.md, 7.2). */
export const DESCRIPTION_HEADER_SIZE = 6;
/** Most RAM blocks that this end accepts in a block list. */
export const MAX_BLOCKS = 1024;
/** Most bytes of device state, description included, that this end collects. */
export const MAX_DEVICE_STATE = 256 * 2 ** 20;

/** Flags in the low bits of a RAM record's first word (docs/wire.md, 3). */
export const RAM_SAVE_FLAG = {
  ZERO: 0x002,
  MEM_SIZE: 0x004,
  PAGE: 0x008,
  EOS: 0x010,
  CONTINUE: 0x020,
  XBZRLE: 0x040,
  HOOK: 0x080,
  COMPRESS_PAGE: 0x100,
  MULTIFD_FLUSH: 0x200,
} as const;

/** Commands on main (docs/wire.md, 2.4). */
export const COMMAND = {
  OPEN_RETURN_PATH: 1,
  PING: 2,
  POSTCOPY_ADVISE: 3,
  POSTCOPY_LISTEN: 4,
  POSTCOPY_RUN: 5,
  POSTCOPY_RAM_DISCARD: 6,
  PACKAGED: 7,
  ENABLE_COLO: 8,
  POSTCOPY_RESUME: 9,
  RECV_BITMAP: 10,
  SWITCHOVER_START: 11,
} as const;

/** Messages on the return path (docs/wire.md, 2.5). REPORT and REASON are ours: return-path.ts, reason.ts. */
export const RETURN_PATH = {
  SHUT: 1,
  PONG: 2,
  REQ_PAGES_ID: 3,
  REQ_PAGES: 4,
  RECV_BITMAP: 5,
  RESUME_ACK: 6,
  SWITCHOVER_ACK: 7,
  REPORT: 0x4d46,
  REASON: 0x4d47,
} as const;

/** Packet flag: a sync point of this channel (docs/wire.md, 3.4). */
export const FLAG_SYNC = 0x01;
/** Packet flags: the payload's compression method. */
export const COMPRESSION_MASK = 0x3e;
/** QEMU's values of `multifd-compression`, by these bits (docs/wire.md, 4.3). */
export const QEMU_METHODS: ReadonlyMap<number, string> = new Map([
  [0x00, 'none'],
  [0x02, 'zlib'],
  [0x04, 'zstd'],
  [0x08, 'qpl'],
  [0x10, 'uadk'],
  [0x20, 'qatzip'],
]);
/**
 * Packet flag, ours: its entries are runs of zero pages. Only between two multifds that have agreed on it (docs/wire.md,
 * 11). QEMU gives out flags from bit 0 up.
 */
export const FLAG_ZERO_RUNS = 0x4000_0000;
/** Most bytes of one run of zero pages: bounds the work that a packet can ask for. A whole range of a source. */
export const MAX_ZERO_RUN = 4 * 2 ** 20;
/** Packet flag: a device-state packet, which has a different header (docs/wire.md, 4.4). */
export const FLAG_DEVICE_STATE = 0x40;

/** Whether `n` can be a target page size in bytes: a power of two from 4096 to 65536. */
export function isPageSize(n: number): boolean {
  return Number.isInteger(n) && n >= 4096 && n <= 65536 && (n & (n - 1)) === 0;
}

/** C: most pages in a packet, and the entries in every packet's offset list. `pageSize` in bytes. */
export function maxPagesPerPacket(pageSize: number): number {
  return PACKET_PAYLOAD_SIZE / pageSize;
}

/** Bytes of a RAM packet's header, offset list included. `pageSize` in bytes. */
export function packetHeaderSize(pageSize: number): number {
  return PACKET_OFFSETS_AT + 8 * maxPagesPerPacket(pageSize);
}

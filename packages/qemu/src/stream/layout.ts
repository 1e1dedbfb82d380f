/** Numbers of the migration stream, big-endian (docs/wire.md, 2 and 3). */

/** "QEVM". */
export const MAGIC = 0x5145564d;
export const VERSION = 3;

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

export const RAM_FLAG = {
  ZERO: 0x002,
  MEM_SIZE: 0x004,
  PAGE: 0x008,
  EOS: 0x010,
  CONTINUE: 0x020,
  XBZRLE: 0x040,
  MULTIFD_FLUSH: 0x200,
} as const;

/** A section's footer: the byte and the section id. */
export const FOOTER_SIZE = 5;
/** What stands before a description: end of sections, type, length. */
export const DESCRIPTION_HEADER_SIZE = 6;
/** The only version of the RAM section (docs/wire.md, 2.3). */
export const RAM_VERSION = 4;
export const MAX_BLOCKS = 1024;
export const MAX_CAPABILITIES = 64;
/** Longest description that is read, in bytes; QEMU's have 20 to 100 KiB. */
export const MAX_DESCRIPTION = 64 * 2 ** 20;
/** Most bytes of one device's state. */
export const MAX_DEVICE_STATE = 256 * 2 ** 20;

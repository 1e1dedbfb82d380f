/** Names and sizes of the store's format: docs/store-format.md. All numbers are big-endian. */

export const FORMAT = 'multifd-store';
export const FORMAT_VERSION = 1;

/** `mfd-pack` and `mfd-snap`. */
export const PACK_MAGIC = Uint8Array.from(Buffer.from('mfd-pack'));
export const SNAPSHOT_MAGIC = Uint8Array.from(Buffer.from('mfd-snap'));

/** Bytes of a SHA-256. */
export const HASH_SIZE = 32;
/** Magic, version, and a count or a length. */
export const HEADER_SIZE = 16;
/** Hash, stored length, raw length. */
export const PACK_ENTRY_SIZE = HASH_SIZE + 8;
/** Pack, first chunk in it, number of chunks. */
export const RUN_SIZE = 12;

/** Bytes of RAM that are one chunk, cut at multiples of it from a block's beginning. What the last one lacks is not there. */
export const CHUNK_SIZE = 64 * 1024;
/** Chunks of one pack. */
export const MOST_CHUNKS = 65_536;
/** Bytes of a snapshot's head. */
export const LONGEST_HEAD = 2 ** 20;
/** Bytes of one block, of all blocks: what no machine has. */
export const MOST_RAM = 2 ** 47;
/** RAM blocks of one guest, as in a stream. */
export const MOST_BLOCKS = 1024;
/** Bytes of a pack, and of a snapshot's file. */
export const LARGEST_OBJECT = 2 ** 31 - 1;

/** A writer ends a pack that has this many stored bytes, or this many chunks. */
export const PACK_TARGET = 16 * 2 ** 20;
export const PACK_TARGET_CHUNKS = 4096;

// Whole: a Node without zstd would say that it lacks a name, in place of `checkVersion`.
import zlib from 'node:zlib';
import { MultifdError } from '@multifd/core';
import type { ByteSource } from '../stream/byte-source.js';
import { type FileKind, kindOf, LONGEST_MAGIC } from './kinds.js';
import { type Compression, HINTS, type StreamPlace, unpackHint } from './locate.js';

/** Bytes of the file that are tried, the first that give a magic: zstd gives nothing before a block is whole. */
const FEWEST = 64;
const MOST = 2 ** 18;
/** Most bytes that may come out: a few can hold any number. */
const MOST_OUT = 2 ** 25;

/** What libvirt must be told for a save image whose pages can be read. */
export const SPARSE = 'have libvirt write it in its sparse format: virsh save --image-format sparse';

/**
 * The error for a packed guest whose pages are asked for. Names what is packed there, if its first bytes tell.
 * @param use `send`: only pages at places of their own will do (mapped-ram); `read`: also one behind the other.
 */
export function packedError(
  source: ByteSource,
  { offset, libvirt }: StreamPlace,
  compression: Compression,
  use: 'send' | 'read',
): MultifdError {
  const inside = libvirt === undefined ? kindInside(source, compression, offset) : undefined;
  const isImage = libvirt !== undefined || inside?.name === 'libvirt';
  const file = `a ${compression} file${inside === undefined || inside.name === 'stream' ? '' : ` with ${inside.what} in it`}`;
  const what = libvirt === undefined ? file : `a save image of libvirt, packed with ${compression}`;
  const unpack = unpackHint(source.name, compression, offset);
  const known = inside === undefined ? undefined : HINTS[inside.name];
  const sent =
    libvirt === undefined
      ? `${unpack} (only ${isImage ? 'one in the sparse format' : 'a file with mapped-ram'} can be sent${isImage ? `: ${SPARSE}` : ''})`
      : SPARSE;
  return new MultifdError('usage', `${source.name}: ${what}: pages cannot be read from it`, {
    hint: known ?? (use === 'send' ? sent : unpack),
  });
}

/** What comes out of a packed file first; undefined if that is not known, or cannot be told with few bytes. */
function kindInside(source: ByteSource, compression: Compression, offset: number): FileKind | undefined {
  const left = source.size - offset;
  for (let size = FEWEST; size <= MOST; size *= 2) {
    const bytes = new Uint8Array(Math.min(size, left));
    source.read(offset, bytes);
    const first = unpackStart(bytes, compression);
    if (first === undefined || first.length >= LONGEST_MAGIC || size >= left)
      return first === undefined ? undefined : kindOf(first);
  }
  return undefined;
}

/** What the beginning of a packed file gives; undefined if it is damaged, or gives too much. */
function unpackStart(bytes: Uint8Array, compression: Compression): Uint8Array | undefined {
  const { Z_SYNC_FLUSH, ZSTD_e_flush } = zlib.constants;
  try {
    return compression === 'gzip'
      ? zlib.gunzipSync(bytes, { finishFlush: Z_SYNC_FLUSH, maxOutputLength: MOST_OUT })
      : zlib.zstdDecompressSync(bytes, { finishFlush: ZSTD_e_flush, maxOutputLength: MOST_OUT });
  } catch {
    return undefined;
  }
}

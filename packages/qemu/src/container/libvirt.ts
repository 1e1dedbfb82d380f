import { MultifdError } from '@multifd/core';
import type { ByteSource } from '../stream/byte-source.js';

/** Bytes of libvirt's header: magic, five numbers of 32 bits, room for 14 more. */
const HEADER_SIZE = 92;
const NEWEST_VERSION = 2;
const NEWER = 'a newer libvirt may have written it, in a form that this version does not know';
/** By number: `save_image_format` of libvirt. */
const FORMATS = ['raw', 'gzip', 'bzip2', 'xz', 'lzop', 'zstd', 'sparse'] as const;

/** How the stream stands in the image: as it is, packed, or (sparse) with mapped-ram. */
export type LibvirtFormat = (typeof FORMATS)[number];

/** What libvirt's header of a save image says. The domain's XML behind it is not read. */
export interface LibvirtHeader {
  readonly format: LibvirtFormat;
  readonly wasRunning: boolean;
  /** Byte offset of what comes behind the header and the XML. */
  readonly streamOffset: number;
}

/**
 * Reads the header at the beginning of `source`, which is known to have its magic. Its numbers have the byte order of
 * the machine that wrote them: the version tells which.
 * @throws MultifdError `usage` for one that is cut, of a version or format that is not known, or longer than the file.
 */
export function readLibvirtHeader(source: ByteSource): LibvirtHeader {
  const bad = (
    what: string,
    hint = `is ${source.name} complete? check it with virsh save-image-dumpxml`,
  ): MultifdError => new MultifdError('usage', `${source.name}: libvirt's header: ${what}`, { hint });
  if (source.size < HEADER_SIZE) throw bad(`${HEADER_SIZE} bytes, but the file has ${source.size}`);
  const bytes = new Uint8Array(HEADER_SIZE);
  source.read(0, bytes);
  const view = new DataView(bytes.buffer);
  // A version is a small number: the other order would make it at least 2^24.
  const little = view.getUint32(16, true) <= view.getUint32(16, false);
  const number = (at: number): number => view.getUint32(at, little);
  const version = number(16);
  if (version < 1 || version > NEWEST_VERSION)
    throw bad(`version ${version}, not 1 or 2`, version > NEWEST_VERSION ? NEWER : undefined);
  const length = number(20);
  if (length === 0 || length >= source.size - HEADER_SIZE) {
    throw bad(`${length} bytes of XML and then a stream, in a file of ${source.size}`);
  }
  // Version 1 had no formats.
  const format = FORMATS[version === 1 ? 0 : number(28)];
  if (format === undefined) throw bad(`format ${number(28)}, not 0 to ${FORMATS.length - 1}`);
  return { format, wasRunning: number(24) !== 0, streamOffset: HEADER_SIZE + length };
}

import { MultifdError } from '@multifd/core';
import type { ByteSource } from '../stream/byte-source.js';
import { type FileKind, type KindName, kindOf, LONGEST_MAGIC, ONLY_SKIPPED, skippableSize } from './kinds.js';
import { type LibvirtFormat, readLibvirtHeader } from './libvirt.js';

/** What a migration stream stands in, if it does not begin with the file. */
export interface Container {
  readonly libvirt?: { readonly format: LibvirtFormat; readonly wasRunning: boolean };
  readonly compression?: Compression;
}

/** What we can unpack. */
export type Compression = 'gzip' | 'zstd';

/** Where in a file a migration stream is. */
export interface StreamPlace extends Container {
  /** Byte offset of the stream, or of what it is packed in. */
  readonly offset: number;
}

/** Most frames that are skipped: a hostile file has any number. */
const MOST_SKIPPED = 256;

/** What to do about a file that is known, and of no use here. */
export const HINTS: Partial<Record<KindName, string>> = {
  'libvirt-partial': 'virsh save did not come to its end: the guest is not in this file',
  zip: 'unpack it first: unzip -p FILE.zip > guest.mig',
  skippable: 'is it complete? see what it has: zstd -l, or lz4 --list',
  elf: 'a dump of guest memory (dump-guest-memory, virsh dump) has no devices and cannot run again; have QEMU write the guest with migrate file:',
  kdump:
    'a dump of guest memory (dump-guest-memory, virsh dump) has no devices and cannot run again; have QEMU write the guest with migrate file:',
  'windows-dump':
    'a dump of guest memory (dump-guest-memory, virsh dump) has no devices and cannot run again; have QEMU write the guest with migrate file:',
  qcow2: 'a guest that savevm put into it comes out with loadvm, in a QEMU, which can then migrate it',
};

/**
 * Finds the migration stream in a file by its first bytes: at the beginning, behind libvirt's header, or at the offset
 * that was given (QEMU's `file:PATH,offset=N`). Reads nothing else.
 * @param from words for a shell that write `source`, if it is not the file of its name.
 * @throws MultifdError `usage` that names what the file is and what to do with it.
 */
export function locateStream(source: ByteSource, offset?: number, from?: string): StreamPlace {
  if (source.size === 0) {
    throw new MultifdError('usage', `${source.name}: the file is empty`, {
      hint: 'was the migration that wrote it completed? A file that QEMU could not write stays empty',
    });
  }
  if (offset !== undefined && offset >= source.size) {
    throw new MultifdError(
      'usage',
      `${source.name}: offset ${offset} is not within its ${source.size} bytes`,
    );
  }
  const kind = kindAt(source, offset ?? 0);
  if (kind?.name !== 'libvirt' || (offset ?? 0) > 0) return place(source, kind, offset ?? 0, from);
  const { streamOffset, format, wasRunning } = readLibvirtHeader(source);
  const libvirt = { format, wasRunning };
  if (!['raw', 'sparse', 'gzip', 'zstd'].includes(format)) {
    throw new MultifdError('usage', `${source.name}: a save image of libvirt, packed with ${format}`, {
      hint: unpackHint(source.name, format, streamOffset, from),
    });
  }
  const inside = kindAt(source, streamOffset);
  const expected = format === 'raw' || format === 'sparse' ? 'stream' : format;
  if (inside?.name !== expected) {
    const got = inside?.what ?? 'something else';
    const what = `format ${format}, but there is ${got} at byte ${streamOffset}`;
    throw new MultifdError('usage', `${source.name}: libvirt's header: ${what}`);
  }
  return { ...place(source, inside, streamOffset, from), libvirt };
}

/** What to do about a packed file. @param from words that write it, if it is not a file. */
export function unpackHint(path: string, kind: string, offset: number, from?: string): string {
  return `unpack it first: ${unpackWords(path, kind, offset, from)} > guest.mig`;
}

/** The words for a shell that write what stands at `offset` of a file, unpacked. @param from as `unpackHint`. */
export function unpackWords(path: string, kind: string, offset: number, from?: string): string {
  const skip = `tail -c +${offset + 1}`;
  if (from !== undefined) return offset === 0 ? `${from} | ${kind} -dc` : `${from} | ${skip} | ${kind} -dc`;
  return offset === 0 ? `${kind} -dc ${path}` : `${skip} ${path} | ${kind} -dc`;
}

function kindAt(source: ByteSource, offset: number): FileKind | undefined {
  let at = offset;
  for (let skipped = 0; skipped <= MOST_SKIPPED; skipped++) {
    const first = new Uint8Array(Math.min(LONGEST_MAGIC, Math.max(0, source.size - at)));
    source.read(at, first);
    const size = skippableSize(first);
    if (size === undefined) return at === offset ? kindOf(first) : skippedKind(kindOf(first));
    at += size;
  }
  return ONLY_SKIPPED;
}

/** Of a file with skippable frames, and `kind` behind them. */
function skippedKind(kind: FileKind | undefined): FileKind {
  return kind?.name === 'zstd' || kind?.name === 'lz4' ? kind : ONLY_SKIPPED;
}

function place(
  source: ByteSource,
  kind: FileKind | undefined,
  offset: number,
  from: string | undefined,
): StreamPlace {
  if (kind === undefined || kind.name === 'stream') return { offset };
  if (kind.name === 'gzip' || kind.name === 'zstd') return { offset, compression: kind.name };
  const where = offset === 0 ? '' : ` at byte ${offset}`;
  const hint = HINTS[kind.name] ?? unpackHint(source.name, kind.name, offset, from);
  throw new MultifdError('usage', `${source.name}: ${kind.what}${where}, not a migration file`, { hint });
}

/** What a file is, told by its first bytes. */
export interface FileKind {
  readonly name: KindName;
  /** For messages: `a gzip file`. */
  readonly what: string;
}

export type KindName =
  | 'stream'
  | 'libvirt'
  | 'libvirt-partial'
  | 'gzip'
  | 'zstd'
  | 'bzip2'
  | 'xz'
  | 'lzop'
  | 'lz4'
  | 'zip'
  | 'skippable'
  | 'elf'
  | 'kdump'
  | 'windows-dump'
  | 'qcow2';

/** Bytes that `kindOf` looks at. */
export const LONGEST_MAGIC = 16;

const text = (magic: string): readonly number[] => [...Buffer.from(magic, 'latin1')];

const KINDS: readonly (FileKind & { readonly magic: readonly number[] })[] = [
  { name: 'stream', what: 'a migration stream', magic: text('QEVM') },
  { name: 'libvirt', what: 'a save image of libvirt', magic: text('LibvirtQemudSave') },
  {
    name: 'libvirt-partial',
    what: 'a save image that libvirt has not finished',
    magic: text('LibvirtQemudPart'),
  },
  { name: 'gzip', what: 'a gzip file', magic: [0x1f, 0x8b] },
  { name: 'zstd', what: 'a zstd file', magic: [0x28, 0xb5, 0x2f, 0xfd] },
  { name: 'bzip2', what: 'a bzip2 file', magic: text('BZh') },
  { name: 'xz', what: 'an xz file', magic: [0xfd, ...text('7zXZ'), 0] },
  { name: 'lzop', what: 'an lzop file', magic: [0x89, ...text('LZO'), 0] },
  { name: 'lz4', what: 'an lz4 file', magic: [0x04, 0x22, 0x4d, 0x18] },
  { name: 'zip', what: 'a zip file', magic: [...text('PK'), 3, 4] },
  { name: 'elf', what: 'an ELF file', magic: [0x7f, ...text('ELF')] },
  { name: 'kdump', what: 'a kdump file', magic: text('KDUMP   ') },
  // Of makedumpfile: dumps of diskdump's form (the older name), and flattened ones.
  { name: 'kdump', what: 'a kdump file', magic: text('DISKDUMP') },
  { name: 'kdump', what: 'a kdump file', magic: text('makedumpfile') },
  { name: 'windows-dump', what: 'a crash dump of Windows', magic: text('PAGEDU') },
  { name: 'qcow2', what: 'a qcow2 disk image', magic: [...text('QFI'), 0xfb] },
];

/** What begins with frames that zstd and lz4 both skip, and has none behind them that tells which of the two it is. */
export const ONLY_SKIPPED: FileKind = {
  name: 'skippable',
  what: 'a file of zstd or lz4 without a frame that has something in it',
};

/** Bytes of a frame's header: a magic of its own, and the length of what is skipped. */
const SKIPPABLE_HEADER = 8;

/** Bytes of the skippable frame that begins so, as pzstd writes them; undefined if none does. */
export function skippableSize(bytes: Uint8Array): number | undefined {
  if (bytes.length < SKIPPABLE_HEADER) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  return view.getUint32(0, true) >>> 4 === 0x0184d2a5
    ? SKIPPABLE_HEADER + view.getUint32(4, true)
    : undefined;
}

/** @param bytes the first `LONGEST_MAGIC` of the file, or all of a shorter one. @returns undefined if none is known. */
export function kindOf(bytes: Uint8Array): FileKind | undefined {
  const found = KINDS.find(
    ({ magic }) => bytes.length >= magic.length && magic.every((byte, at) => bytes[at] === byte),
  );
  return found === undefined ? undefined : { name: found.name, what: found.what };
}

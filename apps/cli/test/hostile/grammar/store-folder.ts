import type { Random } from '@multifd/testing/random';
import { NASTY_NAMES, pick } from './bytes.ts';
import { json, LEASE } from './store.ts';

/** What is at a path of a store's folder. */
export type Entry =
  | { readonly bytes: Uint8Array }
  /** A file of so many bytes, of which the first are these and the others are holes. */
  | { readonly bytes: Uint8Array; readonly size: number }
  /** A symbolic link, to a place that is no part of the store. */
  | { readonly link: 'file' | 'folder' | 'nowhere' }
  | { readonly folder: true }
  | { readonly fifo: true };

/** By path. */
export type Folder = Map<string, Entry>;

export interface FolderTwist {
  readonly what: string;
  readonly apply: (folder: Folder) => void;
}

const FILE = { link: 'file' } as const;
const STRANGE: readonly Entry[] = [
  FILE,
  { link: 'folder' },
  { link: 'nowhere' },
  { folder: true },
  { fifo: true },
  { bytes: new Uint8Array(0) },
];
/** Names that a file system takes. */
const NAMES = NASTY_NAMES.map((name) =>
  Buffer.from(name).toString('latin1').replaceAll(/[/\0]/g, '_'),
).filter((name) => name !== '' && name !== '.' && name !== '..' && Buffer.byteLength(name) < 256);
const FOLDERS = ['', 'snapshots/', 'packs/', 'packs/aa/', 'leases/', 'partial/', 'packs/aa/bb/cc/dd/ee/ff/'];

/** A hostile change of where a store's objects are. */
export function folderTwist(random: Random, keys: readonly string[]): FolderTwist {
  const key = pick(random, keys);
  const other = pick(random, keys);
  const strange = pick(random, STRANGE);
  const folder = pick(random, FOLDERS);
  const name = pick(random, NAMES);
  const size = pick(random, [4097, 65_537, 2 ** 31 - 1, 2 ** 31, 2 ** 40]);
  switch (random.int(9)) {
    case 0:
      return { what: `no ${key}`, apply: (all) => all.delete(key) };
    case 1:
      return { what: `${key}: ${JSON.stringify(strange)}`, apply: (all) => all.set(key, strange) };
    case 2:
      return {
        what: `${folder}${JSON.stringify(name)}: ${JSON.stringify(strange)}`,
        apply: (all) => all.set(folder + name, strange),
      };
    case 3:
      return { what: `${key} as ${other}`, apply: (all) => copy(all, key, other) };
    case 4:
      return {
        what: `${key} as ${folder}${JSON.stringify(name)}`,
        apply: (all) => copy(all, key, folder + name),
      };
    case 5:
      return { what: `${key} of ${size} bytes`, apply: (all) => lengthen(all, key, size) };
    case 6: {
      // The folder itself leads elsewhere: whatever was in it goes.
      const which = pick(random, ['packs', 'snapshots', 'leases', 'partial']);
      const entry = pick(random, [
        { link: 'folder' },
        { link: 'nowhere' },
        FILE,
        { bytes: new Uint8Array(1) },
      ] as const);
      return {
        what: `${which}: ${JSON.stringify(entry)}`,
        apply: (all) => {
          for (const path of [...all.keys()]) if (path.startsWith(`${which}/`)) all.delete(path);
          all.set(which, entry);
        },
      };
    }
    case 7:
      return {
        what: 'many leases',
        apply: (all) => {
          for (let at = 0; at < 200; at++)
            all.set(`leases/${at.toString(16).padStart(16, '0')}-${at}`, { bytes: json(LEASE) });
        },
      };
    default:
      return {
        what: `partial/${name}: ${JSON.stringify(strange)}`,
        apply: (all) => all.set(`partial/${name}`, strange),
      };
  }
}

function copy(all: Folder, from: string, to: string): void {
  const entry = all.get(from);
  if (entry !== undefined) all.set(to, entry);
}

function lengthen(all: Folder, key: string, size: number): void {
  const entry = all.get(key);
  if (entry !== undefined && 'bytes' in entry) all.set(key, { bytes: entry.bytes, size });
}

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  closeSync,
  ftruncateSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { json, LEASE } from '../grammar/store.ts';
import type { Entry, Folder } from '../grammar/store-folder.ts';

/** Bytes of which a print is taken whole; of a longer file that is mostly holes, its size tells enough. */
const MOST = 2 ** 24;

/** The folders of a case: a store, and what is beside it, to which its links lead. */
export interface StorePlace {
  readonly store: string;
  readonly outside: string;
}

export function makeStore(base: string, folder: Folder): StorePlace {
  const place = { store: join(base, 'guests'), outside: join(base, 'guests-outside') };
  mkdirSync(place.store);
  mkdirSync(join(place.outside, 'folder'), { recursive: true });
  writeFileSync(join(place.outside, 'file'), 'precious');
  // Named as what a gc removes, and a lease that is over.
  const pack = join(place.outside, 'folder', 'ab', 'ab'.repeat(32));
  mkdirSync(dirname(pack));
  writeFileSync(pack, 'precious, too');
  writeFileSync(join(place.outside, 'folder', '0123456789abcdef-7'), json(LEASE));
  // Files before what takes the place of their folders: what does not fit any more is left out.
  for (const [path, entry] of folder) {
    try {
      mkdirSync(dirname(join(place.store, path)), { recursive: true });
      make(join(place.store, path), entry, place.outside);
    } catch {
      // A file is where a folder would have to be.
    }
  }
  return place;
}

function make(path: string, entry: Entry, outside: string): void {
  if ('link' in entry) symlinkSync(join(outside, entry.link), path);
  else if ('folder' in entry) mkdirSync(path);
  else if ('fifo' in entry) execFileSync('mkfifo', [path]);
  else if ('size' in entry) {
    const fd = openSync(path, 'wx');
    writeFileSync(fd, entry.bytes);
    ftruncateSync(fd, Math.max(entry.size, entry.bytes.length));
    closeSync(fd);
  } else writeFileSync(path, entry.bytes, { flag: 'wx' });
}

/** What is at each path below a folder: a word that changes with it. No link is followed. */
export function printsOf(folder: string): ReadonlyMap<string, string> {
  const prints = new Map<string, string>();
  for (const name of readdirSync(folder, { recursive: true, encoding: 'buffer' }).map((each) =>
    each.toString('latin1'),
  )) {
    const path = Buffer.from(join(folder, name), 'latin1');
    prints.set(name, printOf(path));
  }
  return prints;
}

function printOf(path: Buffer): string {
  const stats = lstatSync(path);
  if (stats.isSymbolicLink()) return `link to ${readlinkSync(path)}`;
  if (stats.isDirectory()) return 'folder';
  if (!stats.isFile()) return 'special';
  if (stats.size > MOST) return `${stats.size} bytes`;
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

/** What is not as it was, one line each. @param mayGo paths that may have gone. */
export function changesOf(
  before: ReadonlyMap<string, string>,
  after: ReadonlyMap<string, string>,
  mayGo: (path: string) => boolean = () => false,
  mayCome: (path: string) => boolean = () => false,
): readonly string[] {
  const lines: string[] = [];
  for (const [path, print] of before) {
    const now = after.get(path);
    if (now === undefined ? !mayGo(path) : now !== print)
      lines.push(`${JSON.stringify(path)} ${now === undefined ? 'was removed' : 'was changed'}`);
  }
  for (const path of after.keys())
    if (!before.has(path) && !mayCome(path)) lines.push(`${JSON.stringify(path)} was written`);
  return lines;
}

import { randomBytes } from 'node:crypto';
import type { Dirent, Stats } from 'node:fs';
import { constants } from 'node:fs';
import { type FileHandle, link, lstat, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { MultifdError } from '@multifd/core/ram';
import { damaged } from '../format/damage.js';
import { codeOf, storeError } from './disk-error.js';
import type { DiskPlace, ObjectEntry, ObjectStore } from './object-store.js';

/** Where objects are written before they have their name. A list does not go there. */
export const PARTIAL = 'partial';
/** Folders of folders that keys have. */
const DEEPEST = 4;

type Parts = Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

/** A folder in a file system with hard links. Files are readable by this user only. */
export class DiskObjects implements ObjectStore {
  readonly what: string;
  readonly directory: string;
  readonly place: DiskPlace;
  readonly #made = new Set<string>();

  /** @param what for messages, if the user has other words for it. @param mark as `DiskPlace` has it. */
  constructor(directory: string, what = `store:${directory}`, mark?: string) {
    this.directory = directory;
    this.place = { kind: 'disk', directory, ...(mark === undefined ? {} : { mark }) };
    this.what = what;
  }

  async put(key: string, parts: readonly Uint8Array[], { ifAbsent = false } = {}): Promise<boolean> {
    return this.#put(key, parts, ifAbsent);
  }

  /** Stores an object whose pieces come one after the other, as `put` does. What they throw leaves nothing of it. */
  async putPieces(key: string, pieces: AsyncIterable<Uint8Array>): Promise<void> {
    await this.#put(key, pieces, false);
  }

  async #put(key: string, parts: Parts, ifAbsent: boolean): Promise<boolean> {
    const path = this.path(key);
    const { mark } = this.place;
    const own = mark === undefined ? `${process.pid}` : `${process.pid}-${mark}`;
    const unfinished = `${PARTIAL}/${own}-${randomBytes(8).toString('hex')}`;
    const aside = join(this.directory, unfinished);
    await this.#checkWay(unfinished);
    await this.#checkWay(key);
    try {
      await this.#makeDirectory(dirname(aside));
      await this.#makeDirectory(dirname(path));
      await writeSafely(aside, parts);
      if (!ifAbsent) await rename(aside, path);
      else if (!(await linked(aside, path))) return false;
      await syncDirectory(dirname(path));
      return true;
    } catch (cause) {
      throw storeError(cause, `${this.what}: cannot write ${key}`);
    } finally {
      await rm(aside, { force: true });
    }
  }

  async get(key: string, limit: number): Promise<Uint8Array | undefined> {
    return this.#opened(key, async (file, size) => {
      if (size > limit) throw damaged(`${this.what}: ${key}`, `${size} bytes are more than ${limit}`);
      return readAt(file, 0, size);
    });
  }

  async read(key: string, offset: number, length: number) {
    return this.#opened(key, async (file, size) => ({
      bytes: await readAt(file, offset, Math.max(0, Math.min(length, size - offset))),
      size,
    }));
  }

  async list(prefix: string, most = Number.POSITIVE_INFINITY): Promise<readonly ObjectEntry[]> {
    const found: ObjectEntry[] = [];
    await this.#checkWay(prefix);
    await this.#walk(prefix, DEEPEST, found, most);
    return found;
  }

  async delete(key: string): Promise<void> {
    const path = this.path(key);
    await this.#checkWay(key);
    try {
      await rm(path);
      await syncDirectory(dirname(path));
    } catch (cause) {
      if (codeOf(cause) !== 'ENOENT') throw storeError(cause, `${this.what}: cannot remove ${key}`);
    }
  }

  async sweep(mark?: string): Promise<number> {
    await this.#checkWay(`${PARTIAL}/`);
    const folder = join(this.directory, PARTIAL);
    const all = await this.#entries(folder);
    const entries = mark === undefined ? all : all.filter(({ name }) => name.includes(`-${mark}-`));
    // Before anything goes.
    const strange = entries.find((entry) => !entry.isFile());
    if (strange !== undefined) throw this.#strange(`${PARTIAL}/${strange.name}`, 'not a file');
    try {
      for (const { name } of entries) await rm(join(folder, name), { force: true });
    } catch (cause) {
      throw storeError(cause, `${this.what}: cannot empty ${PARTIAL}`);
    }
    return entries.length;
  }

  /** @throws MultifdError `internal` for a key that leads elsewhere: they are all made here. */
  path(key: string): string {
    const parts = key.split('/');
    if (parts.some((part) => part === '' || part === '.' || part === '..' || part === PARTIAL))
      throw new MultifdError('internal', `${this.what}: no key: ${key}`);
    return join(this.directory, ...parts);
  }

  /**
   * What is on the way to a key must be folders: behind a link there may be anybody's files.
   * @throws MultifdError `usage` if it is something else; `io`.
   */
  async #checkWay(key: string): Promise<void> {
    const folders = key.split('/').slice(0, -1);
    for (let depth = 1; depth <= folders.length; depth++) {
      const way = folders.slice(0, depth).join('/');
      const stats = await this.#lookAt(join(this.directory, way));
      if (stats === undefined) return;
      if (!stats.isDirectory()) throw this.#strange(way, 'not a directory');
    }
  }

  async #walk(prefix: string, depth: number, found: ObjectEntry[], most: number): Promise<void> {
    const folder = join(this.directory, prefix);
    for (const entry of await this.#entries(folder)) {
      if (found.length >= most) return;
      // No key begins so: what somebody has hidden here is no object.
      if (entry.name.startsWith('.')) continue;
      const key = prefix + entry.name;
      if (entry.isDirectory() && key !== PARTIAL && depth > 0)
        await this.#walk(`${key}/`, depth - 1, found, most);
      if (entry.isDirectory()) continue;
      if (!entry.isFile()) throw this.#strange(key, 'neither a file nor a directory');
      const stats = await this.#lookAt(join(folder, entry.name));
      if (stats !== undefined) found.push({ key, size: stats.size });
    }
  }

  /** Undefined: nothing is there. A link is what is looked at itself. */
  async #lookAt(path: string): Promise<Stats | undefined> {
    try {
      return await lstat(path);
    } catch (cause) {
      if (codeOf(cause) === 'ENOENT') return undefined;
      throw storeError(cause, `${this.what}: cannot be read`);
    }
  }

  #strange(key: string, fault: string): MultifdError {
    return new MultifdError('usage', `${this.what}: ${key} is ${fault}`, {
      hint: 'a store has no links and no special files: find out who has put it there, and remove it',
    });
  }

  async #entries(folder: string): Promise<readonly Dirent[]> {
    try {
      return await readdir(folder, { withFileTypes: true });
    } catch (cause) {
      if (codeOf(cause) === 'ENOENT') return [];
      throw storeError(cause, `${this.what}: cannot be read`);
    }
  }

  async #opened<T>(key: string, use: (file: FileHandle, size: number) => Promise<T>): Promise<T | undefined> {
    let file: FileHandle | undefined;
    try {
      // A FIFO would wait for its writer.
      file = await open(this.path(key), constants.O_RDONLY | constants.O_NONBLOCK);
      const stats = await file.stat();
      if (!stats.isFile()) throw damaged(`${this.what}: ${key}`, 'it is not a regular file');
      return await use(file, stats.size);
    } catch (cause) {
      if (file === undefined && codeOf(cause) === 'ENOENT') return undefined;
      throw storeError(cause, `${this.what}: cannot read ${key}`);
    } finally {
      await file?.close();
    }
  }

  /** With its own name on the disk. */
  async #makeDirectory(path: string): Promise<void> {
    if (this.#made.has(path)) return;
    const first = await mkdir(path, { recursive: true, mode: 0o700 });
    // From the folder in which the first of them is, down to the last one's own.
    if (first !== undefined) {
      for (let at = dirname(path); at.length >= dirname(first).length; at = dirname(at)) {
        await syncDirectory(at);
        if (at === dirname(at)) break;
      }
    }
    this.#made.add(path);
  }
}

/** Whether the name was free, and is ours now. */
async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (cause) {
    if (codeOf(cause) === 'EEXIST') return false;
    throw cause;
  }
}

async function writeSafely(path: string, parts: Parts): Promise<void> {
  const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
  const file = await open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
  try {
    for await (const part of parts) {
      for (let done = 0; done < part.length; ) {
        const { bytesWritten } = await file.write(part, done, part.length - done);
        done += bytesWritten;
      }
    }
    await file.sync();
  } finally {
    await file.close();
  }
}

async function readAt(file: FileHandle, offset: number, length: number): Promise<Uint8Array> {
  const bytes = Buffer.allocUnsafeSlow(length);
  for (let done = 0; done < length; ) {
    const { bytesRead } = await file.read(bytes, done, length - done, offset + done);
    if (bytesRead === 0) return bytes.subarray(0, done);
    done += bytesRead;
  }
  return bytes;
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

import { randomBytes } from 'node:crypto';
import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  fsync,
  ftruncateSync,
  openSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { MultifdError } from '@multifd/core';
import { withPath, withPlace } from '../system-error.js';
import { isSameFile, lookAt } from './file-identity.js';

/** Bytes behind what a file will hold, while it is written. */
const GUARD = 4096;
/** Bytes of a name that are repeated in a hidden one: a file name has 255 at most. */
const LONGEST_NAME = 200;
const sync = promisify(fsync);

/** A name in the same directory that nobody else has or can guess. */
export function hiddenName(directory: string, name: string, purpose: 'partial' | 'replaced'): string {
  return join(directory, `.${shortName(name)}.${purpose}-${randomBytes(8).toString('hex')}`);
}

/** A hidden name: the name that is meant (`shortName`), and the purpose. */
export const HIDDEN = /^\.(.+)\.(partial|replaced)-[0-9a-f]{16}$/s;

/** What a hidden name repeats of the name that is meant. */
export function shortName(name: string): string {
  return Buffer.from(name)
    .subarray(0, LONGEST_NAME)
    .toString()
    .replace(/\uFFFD+$/u, '');
}

/**
 * A file that this process makes and gets a guest's RAM: nobody else made it, nobody else may read it. It is used by its
 * descriptor only, so that whatever becomes of its name, no other file is written to or read.
 */
export class OwnFile {
  readonly fd: number;
  /** Hidden, until it is given another name. */
  path: string;
  #size = 0;

  private constructor(path: string, fd: number) {
    this.path = path;
    this.fd = fd;
  }

  /**
   * @param what for messages: the user's words for the place.
   * @throws MultifdError `usage` if files cannot be made there, or not so that only we can read them; `io`.
   */
  static make(what: string, directory: string, name: string): OwnFile {
    const path = hiddenName(directory, name, 'partial');
    const { O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
    const flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW;
    const fd = withPlace(`${what}: no file can be made in ${directory}`, () => openSync(path, flags, 0o600));
    const file = new OwnFile(path, fd);
    try {
      file.#checkPrivate(what, directory);
    } catch (error) {
      file.remove();
      file.close();
      throw error;
    }
    return file;
  }

  /** The umask may have taken our own rights; a file system without rights gives them to everybody. */
  #checkPrivate(what: string, directory: string): void {
    try {
      fchmodSync(this.fd, 0o600);
    } catch {
      // A file system that keeps no such thing. What it makes of it is looked at next.
    }
    const { mode, uid } = fstatSync(this.fd);
    const others = mode & 0o077;
    if (others === 0 && (process.geteuid === undefined || uid === process.geteuid())) return;
    const fault =
      others === 0 ? `belong to user ${uid}` : `can be used by others (mode ${(mode & 0o777).toString(8)})`;
    throw new MultifdError(
      'usage',
      `${what}: files made in ${directory} ${fault}: no place for a guest's RAM`,
      {
        hint: 'name a place on another file system, or mount this one so that only you can access its files (umask=077, uid=)',
      },
    );
  }

  /** Gives it a length, all holes. @throws MultifdError `io` */
  resize(length: number): void {
    this.#attempt(`no room for ${length} bytes`, () => ftruncateSync(this.fd, length));
  }

  /**
   * To be called when it has its size, before pages are written. A cut anywhere takes the guard away, and no page that
   * is written later brings it back.
   */
  guard(): void {
    this.#size = fstatSync(this.fd).size + GUARD;
    this.resize(this.#size);
  }

  /** All pages are written. @throws MultifdError `io` if anybody else has touched it; to be discarded then. */
  unguard(): void {
    this.check();
    this.#size -= GUARD;
    this.resize(this.#size);
  }

  /** Writes at its beginning, to see whether that can be done. @throws MultifdError */
  tryWriting(what: string): void {
    withPath(`${what}: cannot be written to`, () => writeSync(this.fd, new Uint8Array(GUARD), 0, GUARD, 0));
  }

  /** More than pages was written: this is its size now. */
  resized(): void {
    this.#size = fstatSync(this.fd).size;
  }

  /** @throws MultifdError `io` if it is not under its name, or has another length than we gave it. */
  check(): void {
    const own = fstatSync(this.fd, { bigint: true });
    const named = this.#attempt('cannot be looked at', () => lookAt(this.path));
    if (named === undefined) throw this.#touched('removed or renamed it');
    if (!isSameFile(own, named)) throw this.#touched('replaced it');
    if (own.size === BigInt(this.#size)) return;
    const how = own.size < this.#size ? 'cut it short' : 'made it longer';
    throw this.#touched(`${how} (${own.size} bytes, not ${this.#size})`);
  }

  /** Whether this is the file that has the name `path` now. @throws what lstat throws. */
  isAt(path: string): boolean {
    const named = lookAt(path);
    return named !== undefined && isSameFile(named, fstatSync(this.fd, { bigint: true }));
  }

  async sync(): Promise<void> {
    try {
      await sync(this.fd);
    } catch (cause) {
      throw MultifdError.from(cause, 'io', `cannot bring ${this.path} to the disk`);
    }
  }

  /** Takes its name away, if it still has it. */
  remove(): void {
    if (this.isAt(this.path)) rmSync(this.path, { force: true });
  }

  /** No thread may have it open any more. */
  close(): void {
    closeSync(this.fd);
  }

  #touched(how: string): MultifdError {
    return new MultifdError('io', `${this.path}: another process has ${how} while the guest was received`, {
      hint: 'find out who else works in that directory',
    });
  }

  #attempt<T>(what: string, call: () => T): T {
    try {
      return call();
    } catch (cause) {
      throw MultifdError.from(cause, 'io', `${this.path}: ${what}`);
    }
  }
}

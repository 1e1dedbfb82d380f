import { type BigIntStats, closeSync, constants, fstatSync, openSync, statSync } from 'node:fs';
import { MultifdError } from '@multifd/core';
import { loadFiles } from '@multifd/host-linux';
import { withPath } from '../system-error.js';
import { isSameFile, isUnchanged } from './file-identity.js';

/**
 * A file that a guest is sent from. It is opened once, and everybody reads it by this descriptor, so that all read the
 * same file; and it is looked at before and after, so that one that was written to meanwhile is not taken for whole.
 * It sees what the file system notes: not what is written through a mapping of a tmpfs, or of a disk's file whose page
 * was written so before and not yet brought to the disk; not what a disk that several machines share has not told yet.
 * So `warning` tells of whoever has it open for writing.
 */
export class SourceFile {
  readonly path: string;
  readonly fd: number;
  readonly #before: BigIntStats;

  /** @throws MultifdError `usage` for a path that cannot be read; `io`. */
  constructor(path: string) {
    this.path = path;
    // A FIFO would wait for its writer.
    const flags = constants.O_RDONLY | constants.O_NONBLOCK;
    this.fd = withPath(`${path}: cannot be read`, () => openSync(path, flags));
    this.#before = fstatSync(this.fd, { bigint: true });
  }

  /** Bytes. */
  get size(): number {
    return Number(this.#before.size);
  }

  /** @throws MultifdError `io` if it was written to, or its name is another file's by now. One that was removed is whole. */
  check(): void {
    const now = fstatSync(this.fd, { bigint: true });
    if (!isUnchanged(this.#before, now)) throw this.#changed('was written to');
    // A removal changes that time too, and nothing else; so does a rename over it, which is seen below.
    if (this.#before.nlink === now.nlink && this.#before.ctimeNs !== now.ctimeNs)
      throw this.#changed('was changed');
    const named = withPath(`${this.path}: cannot be looked at`, () =>
      statSync(this.path, { bigint: true, throwIfNoEntry: false }),
    );
    if (named !== undefined && !isSameFile(named, now)) throw this.#changed('was replaced');
  }

  /**
   * What to say if somebody else has it open for writing: what a QEMU writes by its mapping of the file is not seen here
   * (see above), and would be sent torn. One whose processors stand still does no harm, so this is no error.
   */
  warning(): string | undefined {
    const files = loadFiles();
    if (!('isOpenForWriting' in files)) return undefined;
    const isOpen = files.isOpenForWriting(this.fd);
    if (isOpen === false) return undefined;
    if (isOpen === undefined)
      return `whether another program has ${this.path} open for writing cannot be found out (another user's file, or a file system without leases): if a QEMU runs on it, stop it first, or what is read is torn`;
    return `warning: another program has ${this.path} open for writing: if a QEMU runs on it, stop it first, or what is read is torn`;
  }

  close(): void {
    closeSync(this.fd);
  }

  #changed(how: string): MultifdError {
    return new MultifdError('io', `${this.path}: the file ${how} while it was read`, {
      hint: 'make sure that nothing writes to it (is a QEMU running on it?), and begin again',
    });
  }
}

import { randomBytes } from 'node:crypto';
import {
  accessSync,
  closeSync,
  constants,
  fsyncSync,
  ftruncateSync,
  lstatSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { type FileBlockDescriptor, type IncomingBlock, type IncomingRam, MultifdError } from '@multifd/core';
import { withPath } from '../system-error.js';
import { listExtents } from './extents.js';
import { imageFileName } from './file-name.js';
import type { IncomingTarget } from './incoming-target.js';
import { PAGE_SIZE } from './page-size.js';
import { troubles } from './troubles.js';

interface Image {
  readonly block: IncomingBlock;
  /** Where it is written until all of it is there. */
  readonly partial: string;
  readonly final: string;
  /** Where an older image of the same name waits until it is certain that nobody wants it back. */
  readonly replaced: string;
}

/**
 * A directory that gets one sparse image for each RAM block. It is all or nothing: `keep` gives the complete images
 * their names, and until `settle` says that they are wanted `discard` puts everything back as it was. What is not
 * to be seen yet, or no more, are hidden files whose names are this target's own.
 */
export class RawTarget implements IncomingTarget {
  readonly #directory: string;
  readonly #replace: boolean;
  /** In the names of hidden files: another process, or one that was killed, may have the same id and directory. */
  readonly #tag = `${process.pid}-${randomBytes(4).toString('hex')}`;
  #images: readonly Image[] = [];
  /** Steps back to where it began, the last one first. */
  #undo: (() => void)[] = [];
  #state: 'open' | 'kept' | 'settled' | 'discarded' = 'open';

  private constructor(directory: string, replace: boolean) {
    this.#directory = directory;
    this.#replace = replace;
  }

  /**
   * Makes the directory if it is not there.
   * @param replace whether images of the same name may be replaced, when the new ones are complete.
   * @throws MultifdError `usage` for a path that is or can be no directory to write to; `io`.
   */
  static open(directory: string, replace: boolean): RawTarget {
    const there = withPath(`raw:${directory}: cannot be reached`, () =>
      statSync(directory, { throwIfNoEntry: false }),
    );
    if (there !== undefined && !there.isDirectory()) {
      throw new MultifdError('usage', `raw:${directory}: not a directory`, {
        hint: 'name a directory for the images',
      });
    }
    withPath(`cannot make the directory ${directory}`, () => mkdirSync(directory, { recursive: true }));
    // Now, and not when a guest is on its way.
    withPath(`raw:${directory}: cannot be written to`, () =>
      accessSync(directory, constants.W_OK | constants.X_OK),
    );
    return new RawTarget(directory, replace);
  }

  /** Makes the images, all holes. @throws MultifdError `usage` for an image that is already there, `io`. */
  openRam(blocks: readonly IncomingBlock[]): IncomingRam {
    const images = blocks.map((block) => {
      const file = imageFileName(block.name);
      return {
        block,
        partial: join(this.#directory, `.${file}.partial-${this.#tag}`),
        final: join(this.#directory, file),
        replaced: join(this.#directory, `.${file}.replaced-${this.#tag}`),
      };
    });
    for (const { final } of images) this.#mayTake(final);
    this.#images = images;
    for (const image of images) {
      this.#undo.push(() => rmSync(image.partial, { force: true }));
      create(image);
    }
    const descriptors = images.map(({ block, partial }) => descriptor(block, partial, true));
    return { blocks: descriptors, fresh: true };
  }

  /**
   * Brings the images to the disk and gives them their names; nothing may write to them any more. What they replace
   * is moved aside. The caller's thread stays free: a disk may take minutes, and a failure meanwhile must be heard.
   *
   * To be called once: a second fsync after one that failed proves nothing.
   *
   * @returns how to read them, without their holes.
   * @throws MultifdError `io`; `usage` for an image that has appeared meanwhile; `cancelled` after `discard`. The
   * caller then calls `discard`.
   */
  async keep(): Promise<readonly FileBlockDescriptor[]> {
    for (const { partial } of this.#images) await sync(partial);
    this.#checkWanted();
    // In one go: whoever looks in between two names would take half a guest for a whole one.
    for (const image of this.#images) this.#name(image);
    await sync(this.#directory);
    this.#checkWanted();
    const blocks = await Promise.all(
      this.#images.map(async ({ block, final }) => {
        const { extents } = await listExtents(final, block.length, PAGE_SIZE);
        return { ...descriptor(block, final, false), ...(extents === undefined ? {} : { extents }) };
      }),
    );
    this.#checkWanted();
    this.#state = 'kept';
    return blocks;
  }

  /**
   * The guest is here for good: what its images replaced goes away. To be called after `keep`.
   * @returns what could not be removed, one line each: no reason to fail.
   */
  settle(): readonly string[] {
    if (this.#state !== 'kept') return [];
    this.#state = 'settled';
    this.#undo = [];
    return this.#images.flatMap(({ replaced }) =>
      troubles(`the replaced image ${replaced} cannot be removed`, () => rmSync(replaced, { force: true })),
    );
  }

  /**
   * The guest did not come: nothing of it stays, and what was replaced is back. Does nothing after `settle`.
   * @returns what could not be put back, one line each.
   */
  discard(): readonly string[] {
    if (this.#state === 'settled') return [];
    this.#state = 'discarded';
    const steps = this.#undo.reverse();
    this.#undo = [];
    // Each for itself: one that fails must not keep the others from being put back.
    return steps.flatMap((step) => troubles(`raw:${this.#directory}: cannot be put back as it was`, step));
  }

  /**
   * The process ends now, whatever it was doing. Complete images stay, and beside them what they replaced: the source
   * may have been told that the guest is here, and then they are all there is of it.
   */
  abandon(): void {
    if (this.#state !== 'kept') this.discard();
  }

  /** Moves what has the image's name aside, and gives it the name. */
  #name({ partial, final, replaced }: Image): void {
    if (this.#mayTake(final)) {
      attempt(`cannot move ${final} aside`, () => renameSync(final, replaced));
      this.#undo.push(() => this.#return(replaced, final));
    }
    attempt(`cannot rename ${partial} to ${final}`, () => renameSync(partial, final));
    this.#undo.push(() => rmSync(final, { force: true }));
  }

  /** Puts a replaced image back under its name, and that on the disk as well. */
  #return(replaced: string, final: string): void {
    renameSync(replaced, final);
    const fd = openSync(this.#directory, 'r');
    try {
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  }

  /** Whether there is something to replace. @throws MultifdError `usage` if there is and it may not be replaced. */
  #mayTake(final: string): boolean {
    // Not what a symbolic link points to: it is the link that would be replaced.
    const there = attempt(`cannot look at ${final}`, () => lstatSync(final, { throwIfNoEntry: false }));
    if (there === undefined) return false;
    if (there.isDirectory()) {
      throw new MultifdError('usage', `${final} is a directory, and no image`, {
        hint: 'name another directory for the images',
      });
    }
    if (this.#replace) return true;
    throw new MultifdError('usage', `${final} is already there`, {
      hint: 'name another directory, or replace it with --force',
    });
  }

  /** @throws MultifdError `cancelled` if it was given up while something was awaited. */
  #checkWanted(): void {
    if (this.#state === 'discarded') {
      throw new MultifdError('cancelled', `raw:${this.#directory}: the images were given up`);
    }
  }
}

function descriptor(block: IncomingBlock, path: string, writable: boolean): FileBlockDescriptor {
  return { kind: 'file', name: block.name, length: block.length, path, writable };
}

function create({ block, partial }: Image): void {
  attempt(`RAM block ${block.name}: cannot make ${partial} with ${block.length} bytes`, () => {
    const fd = openSync(partial, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o600);
    try {
      ftruncateSync(fd, block.length);
    } finally {
      closeSync(fd);
    }
  });
}

async function sync(path: string): Promise<void> {
  try {
    const file = await open(path, 'r');
    try {
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (cause) {
    throw MultifdError.from(cause, 'io', `cannot bring ${path} to the disk`);
  }
}

function attempt<T>(what: string, call: () => T): T {
  try {
    return call();
  } catch (cause) {
    throw MultifdError.from(cause, 'io', what);
  }
}

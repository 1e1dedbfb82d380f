import {
  closeSync,
  constants,
  existsSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { join } from 'node:path';
import { type FileBlockDescriptor, type IncomingBlock, type IncomingRam, MultifdError } from '@multifd/core';
import { listExtents } from './extents.js';
import { imageFileName } from './file-name.js';
import type { IncomingTarget } from './incoming-target.js';

const PAGE_SIZE = 4096;

interface Image {
  readonly block: IncomingBlock;
  /** Where it is written until all of it is there. */
  readonly partial: string;
  readonly final: string;
}

/**
 * A directory that gets one sparse image for each RAM block. Images appear under their names only when they are
 * complete and on the disk; until then they are hidden files of this process, and `discard` removes them.
 */
export class RawTarget implements IncomingTarget {
  readonly #directory: string;
  readonly #replace: boolean;
  #images: readonly Image[] = [];

  private constructor(directory: string, replace: boolean) {
    this.#directory = directory;
    this.#replace = replace;
  }

  /**
   * Makes the directory if it is not there.
   * @param replace whether images of the same name may be replaced, when the new ones are complete.
   * @throws MultifdError `usage` if it is something else than a directory, `io` if it cannot be made.
   */
  static open(directory: string, replace: boolean): RawTarget {
    const there = statSync(directory, { throwIfNoEntry: false });
    if (there !== undefined && !there.isDirectory()) {
      throw new MultifdError('usage', `raw:${directory}: not a directory`, {
        hint: 'name a directory for the images',
      });
    }
    attempt(`cannot make the directory ${directory}`, () => mkdirSync(directory, { recursive: true }));
    return new RawTarget(directory, replace);
  }

  /** Makes the images, all holes. @throws MultifdError `usage` for an image that is already there, `io`. */
  openRam(blocks: readonly IncomingBlock[]): IncomingRam {
    const images = blocks.map((block) => {
      const file = imageFileName(block.name);
      return {
        block,
        partial: join(this.#directory, `.${file}.partial-${process.pid}`),
        final: join(this.#directory, file),
      };
    });
    for (const { final } of images) {
      if (this.#replace || !existsSync(final)) continue;
      throw new MultifdError('usage', `${final} is already there`, {
        hint: 'name another directory, or replace it with --force',
      });
    }
    this.#images = images;
    for (const image of images) create(image);
    const descriptors = images.map(({ block, partial }) => descriptor(block, partial, true));
    return { blocks: descriptors, fresh: true };
  }

  async keep(): Promise<readonly FileBlockDescriptor[]> {
    for (const { partial } of this.#images) sync(partial);
    for (const { partial, final } of this.#images) {
      attempt(`cannot rename ${partial} to ${final}`, () => renameSync(partial, final));
    }
    sync(this.#directory);
    return Promise.all(
      this.#images.map(async ({ block, final }) => {
        const { extents } = await listExtents(final, block.length, PAGE_SIZE);
        return { ...descriptor(block, final, false), ...(extents === undefined ? {} : { extents }) };
      }),
    );
  }

  discard(): void {
    for (const { partial } of this.#images) rmSync(partial, { force: true });
  }
}

function descriptor(block: IncomingBlock, path: string, writable: boolean): FileBlockDescriptor {
  return { kind: 'file', name: block.name, length: block.length, path, writable };
}

function create({ block, partial }: Image): void {
  attempt(`RAM block ${block.name}: cannot make ${partial} with ${block.length} bytes`, () => {
    const fd = openSync(partial, constants.O_RDWR | constants.O_CREAT | constants.O_TRUNC, 0o600);
    try {
      ftruncateSync(fd, block.length);
    } finally {
      closeSync(fd);
    }
  });
}

function sync(path: string): void {
  attempt(`cannot bring ${path} to the disk`, () => {
    const fd = openSync(path, 'r');
    try {
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  });
}

function attempt(what: string, call: () => void): void {
  try {
    call();
  } catch (cause) {
    throw MultifdError.from(cause, 'io', what);
  }
}

import { mkdirSync, readdirSync, rmdirSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import {
  type FileBlockDescriptor,
  type IncomingBlock,
  type IncomingRam,
  MultifdError,
  type ReceiveResult,
} from '@multifd/core';
import { withPath } from '../system-error.js';
import { loadExchange } from './exchange.js';
import { listExtents } from './extents.js';
import { lookAt } from './file-identity.js';
import { imageFileName } from './file-name.js';
import { FinalName, type Replacing } from './final-name.js';
import type { IncomingTarget, Stranded } from './incoming-target.js';
import { OwnFile } from './own-file.js';
import { PAGE_SIZE } from './page-size.js';
import { checkDirectory, tryPlace } from './place.js';
import { strandedOf } from './stranded.js';
import { syncDirectory } from './sync-directory.js';
import { troubles } from './troubles.js';

interface Image {
  readonly block: IncomingBlock;
  readonly name: FinalName;
  readonly file: OwnFile;
}

/**
 * A directory that gets one sparse image for each RAM block. It is all or nothing: `keep` gives the complete images
 * their names, and until `settle` says that they are wanted `discard` puts everything back as it was. What is not
 * to be seen yet, or no more, are hidden files whose names are this target's own.
 */
export class RawTarget implements IncomingTarget {
  readonly #directory: string;
  /** By name: how each image may take its own. */
  readonly #replacing: (file: string) => Replacing;
  readonly #images: Image[] = [];
  #hasMadeDirectory = false;
  #state: 'open' | 'kept' | 'settled' | 'discarded' = 'open';
  /** The source has let go of the guest. */
  #mustStay = false;

  private constructor(directory: string, replacing: (file: string) => Replacing) {
    this.#directory = directory;
    this.#replacing = replacing;
  }

  /**
   * Nothing stays of what is tried here: a directory that is not there is made when the guest comes.
   * @param replace whether images of the same name may be replaced, when the new ones are complete.
   * @throws MultifdError `usage` for a path that is or can be no directory to write to; `io`.
   */
  static async open(directory: string, replace: boolean): Promise<RawTarget> {
    const what = `raw:${directory}`;
    const there = withPath(`${what}: cannot be reached`, () =>
      statSync(directory, { throwIfNoEntry: false }),
    );
    if (there !== undefined && !there.isDirectory()) {
      throw new MultifdError('usage', `${what}: not a directory`, {
        hint: 'name a directory for the images',
      });
    }
    if (there === undefined) checkDirectory(what, dirname(directory));
    const isMade = makeDirectory(directory);
    try {
      tryPlace(what, directory);
    } finally {
      if (isMade) rmdirSync(directory);
    }
    const before = replace ? imagesIn(what, directory) : new Map<string, never>();
    const exchange = replace ? await loadExchange() : undefined;
    return new RawTarget(directory, (file) => ({ replace, before: before.get(file), exchange }));
  }

  /** Makes the images, all holes. @throws MultifdError `usage` for an image that is already there, `io`. */
  openRam(blocks: readonly IncomingBlock[]): IncomingRam {
    const named = blocks.map((block) => {
      const file = imageFileName(block.name);
      return { block, file, name: new FinalName(join(this.#directory, file), this.#replacing(file)) };
    });
    for (const { name } of named) name.check();
    this.#hasMadeDirectory = makeDirectory(this.#directory);
    for (const { block, file: base, name } of named) {
      const file = OwnFile.make(`raw:${this.#directory}: RAM block ${block.name}`, this.#directory, base);
      this.#images.push({ block, name, file });
      file.resize(block.length);
      file.guard();
    }
    const descriptors = this.#images.map(({ block, file }) => descriptor(block, file, true));
    return { blocks: descriptors, fresh: true };
  }

  /**
   * To be called once: a second fsync after one that failed proves nothing.
   * @throws MultifdError `io`; `usage` for an image that has appeared meanwhile; `cancelled` after `discard`.
   */
  async keep({ guest }: ReceiveResult): Promise<readonly FileBlockDescriptor[]> {
    this.#mustStay = guest !== 'source';
    for (const { name, file } of this.#images) {
      // A guest that must stay is completed whatever its names.
      if (!this.#mustStay) name.check();
      file.unguard();
    }
    for (const { file } of this.#images) await file.sync();
    this.#checkWanted();
    for (const { file } of this.#images) file.check();
    // In one go: whoever looks in between two names would take half a guest for a whole one. In the order of their
    // names: of two that want the same ones, whoever is first at the first of them gets all.
    for (const { name, file } of [...this.#images].sort(byPath)) name.take(file);
    await syncDirectory(this.#directory);
    // A directory of ours has its own name to bring there.
    if (this.#hasMadeDirectory) await syncDirectory(dirname(resolve(this.#directory)));
    this.#checkWanted();
    const blocks = await Promise.all(
      this.#images.map(async ({ block, file }) => {
        const { extents } = await listExtents(file.fd, block.length, PAGE_SIZE);
        return { ...descriptor(block, file, false), ...(extents === undefined ? {} : { extents }) };
      }),
    );
    this.#checkWanted();
    for (const { file } of this.#images) file.check();
    this.#state = 'kept';
    return blocks;
  }

  settle(): readonly string[] {
    if (this.#state !== 'kept') return [];
    this.#state = 'settled';
    return this.#images.flatMap(({ name, file }) => {
      file.close();
      return troubles(`the image that ${name.path} replaced cannot be removed`, () => name.settle());
    });
  }

  get stranded(): Stranded | undefined {
    if (!this.#mustStay || this.#state === 'settled') return undefined;
    return strandedOf(this.#images);
  }

  discard(): readonly string[] {
    if (this.#state === 'settled' || this.#state === 'discarded') return [];
    const lines = this.#undo();
    for (const { file } of this.#images) file.close();
    return lines;
  }

  abandon(): void {
    // Its threads may still be writing: the descriptors stay theirs until the process ends.
    if (this.#state === 'open') this.#undo();
  }

  #undo(): readonly string[] {
    this.#state = 'discarded';
    if (this.#mustStay) return [];
    const what = `raw:${this.#directory}: cannot be put back as it was`;
    // Each for itself: one that fails must not keep the others from being put back.
    const lines = this.#images
      .toReversed()
      .flatMap(({ name, file }) => [
        ...troubles(what, () => name.giveBack()),
        ...troubles(what, () => file.remove()),
      ]);
    if (this.#hasMadeDirectory) removeIfEmpty(this.#directory);
    return lines;
  }

  /** @throws MultifdError `cancelled` if it was given up while something was awaited. */
  #checkWanted(): void {
    if (this.#state === 'discarded') {
      throw new MultifdError('cancelled', `raw:${this.#directory}: the images were given up`);
    }
  }
}

function byPath(a: Image, b: Image): number {
  return a.name.path < b.name.path ? -1 : 1;
}

/** Whether it was not there before. @throws MultifdError */
function makeDirectory(path: string): boolean {
  if (statSync(path, { throwIfNoEntry: false }) !== undefined) return false;
  withPath(`cannot make the directory ${path}`, () => mkdirSync(path));
  return true;
}

function removeIfEmpty(directory: string): void {
  try {
    rmdirSync(directory);
  } catch {
    // Somebody has put something there, or has removed it: it is theirs.
  }
}

/** What is there now under names that images have. */
function imagesIn(
  what: string,
  directory: string,
): ReadonlyMap<string, NonNullable<ReturnType<typeof lookAt>>> {
  if (statSync(directory, { throwIfNoEntry: false }) === undefined) return new Map();
  return withPath(`${what}: cannot be looked at`, () => {
    const names = readdirSync(directory).filter((name) => name.endsWith('.raw'));
    return new Map(
      names.flatMap((name) => {
        const found = lookAt(join(directory, name));
        return found === undefined ? [] : [[name, found] as const];
      }),
    );
  });
}

function descriptor(block: IncomingBlock, { path, fd }: OwnFile, writable: boolean): FileBlockDescriptor {
  return { kind: 'file', name: block.name, length: block.length, path, fd, writable };
}

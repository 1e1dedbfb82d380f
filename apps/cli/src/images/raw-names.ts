import type { BigIntStats } from 'node:fs';
import { writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { MultifdError } from '@multifd/core';
import { withPath } from '../system-error.js';
import type { Exchange } from './exchange.js';
import { lookAt } from './file-identity.js';
import { FinalName } from './final-name.js';
import { imageNames, readManifest } from './image-directory.js';
import { filesOf, formatManifest, MANIFEST, type Manifest, type Move } from './manifest.js';
import { OwnFile } from './own-file.js';
import { troubles } from './troubles.js';

/** What a directory held before a guest came. */
export interface Before {
  /** By name: the images, and the manifest. Only these may be replaced. */
  readonly found: ReadonlyMap<string, BigIntStats>;
  /** Names of images of the guest that the manifest describes: they go when another one takes its place. */
  readonly ours: ReadonlySet<string>;
}

/** A complete image, and the name that it is to have. */
export interface NamedImage {
  readonly name: FinalName;
  readonly file: OwnFile;
}

interface RawNamesOptions {
  /** For messages: the user's words for the place. */
  readonly what: string;
  readonly directory: string;
  readonly before: Before;
  /** What the images are to be called. */
  readonly wanted: readonly FinalName[];
  readonly replace: boolean;
  /** For the manifest alone: the directory is marked as none whenever an image's name is free. */
  readonly exchange: Exchange | undefined;
}

/**
 * @param replace whether another guest may be there.
 * @throws MultifdError `usage` for a directory that holds images if that is not so, or a manifest that is none of ours.
 */
export function lookInto(what: string, directory: string, replace: boolean): Before {
  const images = imageNames(what, directory);
  const manifest = lookAt(join(directory, MANIFEST));
  if (!replace && (images.length > 0 || manifest !== undefined)) throw alreadyThere(what, images);
  const ours = manifest === undefined ? undefined : readManifest(what, directory);
  const found = new Map<string, BigIntStats>();
  for (const name of [...images, MANIFEST]) {
    const stats = withPath(`${what}: cannot be looked at`, () => lookAt(join(directory, name)));
    if (stats !== undefined) found.set(name, stats);
  }
  return { found, ours: ours === undefined ? new Set() : filesOf(ours) };
}

/**
 * The names in a `raw:` directory, which are given and taken back as one thing. Names can be given only one after another;
 * so the manifest comes first and says `naming`, and says `complete` when all have theirs. Whoever is killed at any moment
 * leaves the guest that was there, or the new one, or a directory that says that it is neither.
 */
export class RawNames {
  readonly #what: string;
  readonly #directory: string;
  readonly #wanted: readonly FinalName[];
  /** Names of images that belong here, or may go. */
  readonly #known: ReadonlySet<string>;
  /** Images of the guest that was there, of blocks that this one does not have. */
  readonly #obsolete: readonly FinalName[];
  readonly #manifest: FinalName;
  #images: readonly NamedImage[] = [];
  /** In the order of their use: `naming`, `complete`, and `naming` once more for the way back. */
  #pages: readonly OwnFile[] = [];
  #isMarked = false;
  #isComplete = false;

  constructor({ what, directory, before, wanted, replace, exchange }: RawNamesOptions) {
    this.#what = what;
    this.#directory = directory;
    this.#wanted = wanted;
    const files = new Set(wanted.map(({ path }) => basename(path)));
    const nameOf = (file: string, swap?: Exchange) =>
      new FinalName(join(directory, file), { replace, before: before.found.get(file), exchange: swap });
    this.#known = new Set([...files, ...before.ours]);
    this.#obsolete = [...before.ours].filter((file) => !files.has(file)).map((file) => nameOf(file));
    this.#manifest = nameOf(MANIFEST, exchange);
  }

  /**
   * That all names are to be had, and that afterwards nothing but this guest will be there.
   * @throws MultifdError `usage`, `io`.
   */
  check(): void {
    for (const name of this.#all) name.check();
    const foreign = imageNames(this.#what, this.#directory).filter((file) => !this.#known.has(file));
    if (foreign.length === 0) return;
    throw new MultifdError(
      'usage',
      `${this.#what}: holds images of blocks that this guest does not have, and not of the guest that ${MANIFEST} describes: ${foreign.join(', ')}`,
      { hint: 'move them away, or name another directory' },
    );
  }

  /**
   * Writes down what the set will be, under hidden names.
   * @param images all that are wanted, complete.
   * @throws MultifdError `io`
   */
  async describe(manifest: Omit<Manifest, 'state' | 'moves'>, images: readonly NamedImage[]): Promise<void> {
    this.#images = images;
    const moves = [
      ...this.#images.map(({ name, file }) => move(name, basename(file.path))),
      ...this.#obsolete.map((name) => move(name, null)),
    ];
    for (const state of ['naming', 'complete', 'naming'] as const) {
      const page = OwnFile.make(this.#what, this.#directory, MANIFEST);
      this.#pages = [...this.#pages, page];
      withPath(`${this.#what}: ${MANIFEST} cannot be written`, () =>
        writeFileSync(page.fd, formatManifest({ ...manifest, state, moves })),
      );
      page.resized();
    }
    await Promise.all(this.#pages.map((page) => page.sync()));
  }

  /** From here on nobody takes the directory for a guest. @throws MultifdError `usage` if somebody else was faster; `io`. */
  mark(): void {
    this.#manifest.take(this.#page(0));
    this.#isMarked = true;
  }

  /** The new images get their names, and the others of the guest before lose theirs. @throws MultifdError */
  take(): void {
    for (const { name, file } of this.#images) name.take(file);
    for (const name of this.#obsolete) name.clear();
  }

  /** The directory is the new guest. @throws MultifdError */
  complete(): void {
    this.#manifest.renew(this.#page(1));
    this.#isComplete = true;
  }

  /** Hidden names of what it has replaced. */
  get replaced(): readonly string[] {
    return this.#all.flatMap(({ replaced }) => replaced ?? []);
  }

  /** The guest is wanted: what it replaced goes. @returns what could not be removed, one line each. */
  settle(): string[] {
    this.forget();
    return this.#all.flatMap((name) =>
      troubles(`what ${name.path} was before cannot be removed`, () => name.settle()),
    );
  }

  /** The guest is not wanted: everything is as it was. @returns what could not be put back, one line each. */
  giveBack(): string[] {
    const what = `${this.#what}: cannot be put back as it was`;
    const remarked = this.#isComplete ? troubles(what, () => this.#manifest.renew(this.#page(2))) : [];
    // Each for itself: one that fails must not keep the others from being put back.
    const lines = [...this.#images.toReversed().map(({ name }) => name), ...this.#obsolete].flatMap((name) =>
      troubles(what, () => name.giveBack()),
    );
    // What is not all of the guest that was there must not say that it is.
    if (lines.length === 0 && this.#isMarked) lines.push(...troubles(what, () => this.#manifest.giveBack()));
    this.forget(lines.length === 0);
    return [...remarked, ...lines];
  }

  /**
   * Removes what was written down and is of no more use. What cannot be removed is a hidden file that nobody reads.
   * @param all also what may have the manifest's name.
   */
  forget(all = false): void {
    for (const page of this.#pages) {
      if (all || page.path !== this.#manifest.path) troubles('cannot be removed', () => page.remove());
      page.close();
    }
    this.#pages = [];
  }

  get #all(): readonly FinalName[] {
    return [...this.#wanted, ...this.#obsolete, this.#manifest];
  }

  #page(index: number): OwnFile {
    const page = this.#pages[index];
    if (page === undefined) throw new MultifdError('internal', `${this.#what}: nothing was written down`);
    return page;
  }
}

function move(name: FinalName, partial: string | null): Move {
  return { file: basename(name.path), partial, replaced: basename(name.aside) };
}

function alreadyThere(what: string, images: readonly string[]): MultifdError {
  const some = images.length === 0 ? MANIFEST : images.slice(0, 3).join(', ');
  const more = images.length > 3 ? ` and ${images.length - 3} more` : '';
  return new MultifdError('usage', `${what}: a guest is already there (${some}${more})`, {
    hint: 'name another directory, or replace that guest with --force',
  });
}

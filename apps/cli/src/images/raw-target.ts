import { type BigIntStats, mkdirSync, rmdirSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { type FileBlockDescriptor, type IncomingBlock, type IncomingRam, MultifdError } from '@multifd/core';
import { uuidText } from '../options/identity.js';
import { withPath, withPlace } from '../system-error.js';
import { hasDeviceState } from './device-state.js';
import { type Exchange, loadExchange } from './exchange.js';
import { listExtents } from './extents.js';
import { imageFileName } from './file-name.js';
import { FinalName } from './final-name.js';
import type { GuestToKeep, IncomingTarget, KeptFiles, Stranded } from './incoming-target.js';
import { MANIFEST } from './manifest.js';
import { OwnFile } from './own-file.js';
import { PAGE_SIZE } from './page-size.js';
import { checkDirectory, tryPlace } from './place.js';
import { type Before, lookInto, RawNames } from './raw-names.js';
import { checkReplaceable } from './replaceable.js';
import { syncDirectory } from './sync-directory.js';
import { troubles } from './troubles.js';

interface Image {
  readonly block: IncomingBlock;
  readonly name: FinalName;
  readonly file: OwnFile;
}

interface Settings {
  /** Whether a guest that is there may be replaced, when the new one is complete. */
  readonly replace: boolean;
  /** 16 bytes, to be noted in the manifest. */
  readonly uuid?: Uint8Array;
}

/**
 * A directory that gets one sparse image for each RAM block, and a manifest that makes them one guest. It is all or
 * nothing: `keep` gives the complete images their names, and until `settle` says that they are wanted `discard` puts
 * everything back as it was. What is not to be seen yet, or no more, are hidden files whose names are this target's own.
 */
export class RawTarget implements IncomingTarget {
  readonly #what: string;
  readonly #directory: string;
  readonly #settings: Settings;
  readonly #before: Before;
  readonly #exchange: Exchange | undefined;
  readonly #images: Image[] = [];
  #names: RawNames | undefined;
  #hasMadeDirectory = false;
  #state: 'open' | 'kept' | 'settled' | 'discarded' = 'open';
  /** The source has let go of the guest. */
  #mustStay = false;

  private constructor(directory: string, settings: Settings, before: Before, exchange: Exchange | undefined) {
    this.#what = `raw:${directory}`;
    this.#directory = directory;
    this.#settings = settings;
    this.#before = before;
    this.#exchange = exchange;
  }

  /**
   * Nothing stays of what is tried here: a directory that is not there is made when the guest comes.
   * @throws MultifdError `usage` for a path that is or can be no directory to write to, or that holds a guest already
   * which may not be replaced; `io`.
   */
  static async open(directory: string, settings: Settings): Promise<RawTarget> {
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
    const before =
      there === undefined
        ? { found: new Map<string, BigIntStats>(), ours: new Set<string>() }
        : lookInto(what, directory, settings.replace);
    const isMade = makeDirectory(directory);
    try {
      tryPlace(what, directory);
      for (const [file, stats] of before.found) {
        if (file === MANIFEST || before.ours.has(file)) checkReplaceable(join(directory, file), stats);
      }
    } finally {
      if (isMade) rmdirSync(directory);
    }
    return new RawTarget(directory, settings, before, settings.replace ? loadExchange() : undefined);
  }

  /**
   * Makes the images, all holes.
   * @throws MultifdError `usage` for what is already there and may not be replaced, or would be no part of this guest; `io`.
   */
  openRam(blocks: readonly IncomingBlock[]): IncomingRam {
    const { replace } = this.#settings;
    const named = blocks.map((block) => {
      const file = imageFileName(block.name);
      const replacing = { replace, before: this.#before.found.get(file), exchange: undefined };
      return { block, file, name: new FinalName(join(this.#directory, file), replacing) };
    });
    const names = new RawNames({
      what: this.#what,
      directory: this.#directory,
      before: this.#before,
      wanted: named.map(({ name }) => name),
      replace,
      exchange: this.#exchange,
    });
    if (statSync(this.#directory, { throwIfNoEntry: false }) !== undefined) names.check();
    this.#names = names;
    this.#hasMadeDirectory = makeDirectory(this.#directory);
    for (const { block, file: base, name } of named) {
      const file = OwnFile.make(`${this.#what}: RAM block ${block.name}`, this.#directory, base);
      this.#images.push({ block, name, file });
      file.resize(block.length);
      file.guard();
    }
    const descriptors = this.#images.map(({ block, file }) => descriptor(block, file, true));
    return { blocks: descriptors, allZero: true };
  }

  /**
   * To be called once: a second fsync after one that failed proves nothing.
   * @throws MultifdError `io`; `usage` for what has appeared meanwhile; `cancelled` after `discard`.
   */
  async keep({ guest, machineType, ram, rawDeviceState }: GuestToKeep): Promise<KeptFiles> {
    const names = this.#names;
    if (names === undefined) throw new MultifdError('internal', `${this.#what}: no RAM was opened`);
    this.#mustStay = guest !== 'source';
    // A guest that must stay is completed whatever its names.
    if (!this.#mustStay) names.check();
    for (const { file } of this.#images) file.unguard();
    const manifest = {
      machineType,
      deviceState: hasDeviceState(rawDeviceState) ? ('dropped' as const) : ('none' as const),
      uuid: this.#settings.uuid === undefined ? null : uuidText(this.#settings.uuid),
      pageSize: ram.pageSize,
      time: new Date().toISOString(),
      blocks: this.#images.map(({ block: { name, length }, name: { path } }) => ({
        name,
        size: length,
        file: basename(path),
      })),
    };
    await Promise.all([names.describe(manifest, this.#images), this.#syncImages()]);
    this.#checkWanted();
    for (const { file } of this.#images) file.check();
    // As late as can be: what fails now has changed nothing.
    names.check();
    // Each step is on the disk before the next one: also after a power failure the directory says what it is.
    names.mark();
    await this.#synced();
    names.take();
    await this.#synced();
    names.complete();
    await this.#synced();
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
    return { blocks, paths: blocks.map(({ path }) => path) };
  }

  async #syncImages(): Promise<void> {
    for (const { file } of this.#images) await file.sync();
  }

  async #synced(): Promise<void> {
    await syncDirectory(this.#directory);
    this.#checkWanted();
  }

  settle(): readonly string[] {
    if (this.#state !== 'kept') return [];
    this.#state = 'settled';
    for (const { file } of this.#images) file.close();
    return this.#names?.settle() ?? [];
  }

  get stranded(): Stranded | undefined {
    if (!this.#mustStay || this.#state === 'settled') return undefined;
    return {
      paths: this.#images.map(({ file }) => file.path),
      replaced: this.#names?.replaced ?? [],
    };
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
    else if (this.#state === 'kept') this.#names?.forget();
  }

  #undo(): readonly string[] {
    this.#state = 'discarded';
    if (this.#mustStay) {
      this.#names?.forget();
      return [];
    }
    const what = `${this.#what}: cannot be put back as it was`;
    const lines = [
      ...(this.#names?.giveBack() ?? []),
      ...this.#images.flatMap(({ file }) => troubles(what, () => file.remove())),
    ];
    if (this.#hasMadeDirectory) removeIfEmpty(this.#directory);
    return lines;
  }

  /** @throws MultifdError `cancelled` if it was given up while something was awaited. */
  #checkWanted(): void {
    if (this.#state === 'discarded') {
      throw new MultifdError('cancelled', `${this.#what}: the images were given up`);
    }
  }
}

/** Whether it was not there before. @throws MultifdError */
function makeDirectory(path: string): boolean {
  if (statSync(path, { throwIfNoEntry: false }) !== undefined) return false;
  withPlace(`no directory can be made in ${dirname(path)}`, () => mkdirSync(path));
  return true;
}

function removeIfEmpty(directory: string): void {
  try {
    rmdirSync(directory);
  } catch {
    // Somebody has put something there, or has removed it: it is theirs.
  }
}

function descriptor(block: IncomingBlock, { path, fd }: OwnFile, writable: boolean): FileBlockDescriptor {
  return { kind: 'file', name: block.name, length: block.length, path, fd, writable };
}

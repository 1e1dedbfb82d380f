import { renameSync } from 'node:fs';
import { rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type IncomingBlock, type IncomingRam, MultifdError } from '@multifd/core';
import { MappedRamWriter } from '@multifd/qemu';
import type { ObjectStore, SnapshotWriter } from '@multifd/store';
import { bucketOf, type StorePlace } from '../options/store-place.js';
import { arrivalNotes } from './arrival-notes.js';
import type { GuestToKeep, IncomingTarget, Kept, Stranded } from './incoming-target.js';
import { ingestThreads } from './ingest-threads.js';
import { type OpenStored, openStored } from './open-stored.js';
import { OwnFile } from './own-file.js';
import { PAGE_SIZE } from './page-size.js';
import { tryPlace } from './place.js';
import { makeDirectory } from './store-directory.js';
import { localDirectory, storeObjects } from './store-objects.js';
import { syncDirectory } from './sync-directory.js';
import { troubles } from './troubles.js';
import { unusablePacks } from './unusable-packs.js';

interface Settings {
  /** Whether a snapshot of that name may be replaced, when the new one is complete. */
  readonly replace: boolean;
  /** 16 bytes, to be noted with the snapshot. */
  readonly uuid?: Uint8Array;
}

interface Receiving {
  readonly file: OwnFile;
  readonly ram: MappedRamWriter;
  readonly snapshot: SnapshotWriter;
}

/**
 * A snapshot in a store. While the guest comes its RAM goes into a hidden mapped-ram file in the store's directory; `keep` brings
 * it into chunks. If that fails and the guest may be nowhere else, the file is completed and stays: it is the guest.
 */
export class StoreTarget implements IncomingTarget {
  readonly #objects: ObjectStore;
  readonly #place: StorePlace;
  readonly #settings: Settings;
  /** What had the name at the beginning: that, and nothing younger, may be replaced. Null: nothing. */
  readonly #before: string | null;
  readonly #abort = new AbortController();
  #state: 'open' | 'kept' | 'settled' | 'discarded' = 'open';
  /** The source has let go of the guest. */
  #mustStay = false;
  #receiving: Receiving | undefined;
  /** `keep`, while it works with the file. */
  #keeping: Promise<unknown> = Promise.resolve();
  /** The snapshot is complete. */
  #isStored = false;
  #stored: OpenStored | undefined;
  /** The store was made for this guest. */
  #isNew = false;

  private constructor(objects: ObjectStore, place: StorePlace, settings: Settings, before: string | null) {
    this.#objects = objects;
    this.#place = place;
    this.#settings = settings;
    this.#before = before;
  }

  /**
   * Nothing stays of what is tried here: a store that is not there is made when the guest comes.
   * @throws MultifdError `usage` for a name that is taken, or a directory that can be no store; `io`.
   */
  static async open(place: StorePlace, settings: Settings): Promise<StoreTarget> {
    const { Store, canMake } = await import('@multifd/store');
    const { directory, name } = place;
    const objects = await storeObjects(directory);
    const isMade = objects.place.kind === 'disk' && makeDirectory(objects.what, directory);
    let before: string | null = null;
    try {
      if (!(await canMake(objects))) {
        const store = await Store.open(objects);
        before = (await store.holder(name)) ?? null;
        if (!settings.replace && before !== null) throw taken(store.whatOf(name));
      }
      tryPlace(objects.what, localDirectory(directory));
    } finally {
      if (isMade) await rmdir(directory);
    }
    return new StoreTarget(objects, place, settings, before);
  }

  async openRam(announced: readonly IncomingBlock[], ahead: number): Promise<IncomingRam> {
    const { canMake, Store, SnapshotWriter } = await import('@multifd/store');
    const { directory, name } = this.#place;
    const { what } = this.#objects;
    if (this.#objects.place.kind === 'disk') makeDirectory(what, directory);
    this.#isNew = await canMake(this.#objects);
    const store = await Store.openOrMake(this.#objects);
    const snapshot = await SnapshotWriter.begin(store, name, {
      blocks: announced,
      replace: this.#settings.replace,
      before: this.#before,
      threads: ingestThreads(),
      signal: this.#abort.signal,
    });
    try {
      const file = OwnFile.make(what, localDirectory(directory), name);
      const ram = new MappedRamWriter(file);
      this.#receiving = { file, ram, snapshot };
      const opened = ram.openRam(announced, ahead);
      file.guard();
      // Most of it is in chunks before the guest stands still.
      const changedPages = snapshot.watch({ pageSize: PAGE_SIZE, blocks: opened.blocks });
      return { ...opened, changedPages };
    } catch (error) {
      await snapshot.close();
      throw error;
    }
  }

  async keep(received: GuestToKeep): Promise<Kept> {
    const keeping = this.#keep(received);
    this.#keeping = keeping.catch(() => {});
    return keeping;
  }

  async #keep(received: GuestToKeep): Promise<Kept> {
    const { machineType, configuration, receivedPages, rawDeviceState, ram } = received;
    const { uuid } = this.#settings;
    if (this.#receiving === undefined)
      throw new MultifdError('internal', `${this.#objects.what}: no RAM was opened`);
    const { file, snapshot } = this.#receiving;
    this.#mustStay = received.guest !== 'source';
    file.unguard();
    const own = uuid === undefined ? {} : { uuid };
    const content = { machineType, configuration, receivedPages, rawDeviceState, ...own };
    // It may be all there is of the guest until it is in the store: complete, and under a name that nobody removes.
    const complete = this.#mustStay ? this.#strand(content) : undefined;
    try {
      await snapshot.write({ ...content, ram });
    } catch (error) {
      await complete;
      throw error;
    }
    this.#checkWanted();
    this.#isStored = true;
    this.#state = 'kept';
    // From elsewhere it would have to come back first, while its guest stands still: there it is what has been received.
    if (this.#objects.place.kind !== 'disk') return { blocks: ram.blocks, paths: [this.#path] };
    // The lease is the writer's.
    this.#stored = await openStored(this.#objects, this.#place.name, this.#abort.signal);
    return { blocks: this.#stored.stored.ram.blocks, paths: [this.#path] };
  }

  async settle(): Promise<readonly string[]> {
    if (this.#state !== 'kept') return [];
    this.#state = 'settled';
    const snapshot = this.#receiving?.snapshot;
    const notes =
      snapshot === undefined
        ? []
        : [
            ...(await unusablePacks(snapshot)),
            ...arrivalNotes(snapshot, `${this.#objects.what}#${this.#place.name}`),
          ];
    return [...notes, ...(await this.#end())];
  }

  get stranded(): Stranded | undefined {
    if (!this.#mustStay || this.#receiving === undefined || this.#state === 'settled') return undefined;
    return { paths: [this.#isStored ? this.#path : this.#receiving.file.path], replaced: [] };
  }

  async discard(): Promise<readonly string[]> {
    if (this.#state === 'settled' || this.#state === 'discarded') return [];
    this.#state = 'discarded';
    // A guest that must stay is stored to the end.
    if (!this.#mustStay) this.#abort.abort();
    await this.#keeping;
    const { snapshot } = this.#receiving ?? {};
    // Another process may use it by now.
    const lines =
      this.#isNew && !this.#mustStay
        ? [`${this.#objects.what} was made for this guest, and stays without it`]
        : [];
    if (!this.#mustStay && snapshot !== undefined) {
      try {
        await snapshot.withdraw();
      } catch (cause) {
        lines.push(
          MultifdError.from(cause, 'io', `${this.#objects.what}: cannot be put back as it was`).message,
        );
      }
    }
    return [...lines, ...(await this.#end(this.#mustStay && !this.#isStored))];
  }

  abandon(): void {
    // Its threads may still be writing: the descriptor stays theirs until the process ends.
    const isOnlyCopy = this.#mustStay && !this.#isStored;
    if (this.#state !== 'settled' && !isOnlyCopy) this.#receiving?.file.remove();
  }

  get #path(): string {
    const { directory, name } = this.#place;
    return bucketOf(directory) === undefined
      ? join(directory, 'snapshots', name)
      : `${this.#objects.what}#${name}`;
  }

  /** @param stays whether the file is what is left of the guest. @returns what could not be removed. */
  async #end(stays = false): Promise<readonly string[]> {
    const { file, snapshot } = this.#receiving ?? {};
    await this.#stored?.close();
    const lines: string[] = [];
    try {
      await snapshot?.close();
    } catch (cause) {
      lines.push(
        MultifdError.from(cause, 'io', `${this.#objects.what}: cannot say that it is used no more`).message,
      );
    }
    const what = `${this.#objects.what}: what was received cannot be removed`;
    if (!stays) lines.push(...troubles(what, () => file?.remove()));
    file?.close();
    return lines;
  }

  /** Completes the file under a name of its own. What this throws is heard if the store fails. */
  #strand(content: Parameters<MappedRamWriter['finish']>[0]): Promise<void> {
    const { file, ram } = this.#receiving ?? {};
    if (file === undefined || ram === undefined) throw new MultifdError('internal', 'nothing was received');
    const path = join(
      localDirectory(this.#place.directory),
      `stranded-${file.path.slice(dirname(file.path).length + 2)}`,
    );
    renameSync(file.path, path);
    file.path = path;
    const finished = ram.finish(content);
    file.resized();
    // Its new name, too, is to outlive a power failure.
    const isSafe = Promise.all([finished, syncDirectory(dirname(path))]).then(() => {});
    isSafe.catch(() => {});
    return isSafe;
  }

  /** @throws MultifdError `cancelled` if it was given up while something was awaited. */
  #checkWanted(): void {
    if (this.#state === 'discarded' && !this.#mustStay)
      throw new MultifdError('cancelled', `${this.#objects.what}: the snapshot was given up`);
  }
}

function taken(what: string): MultifdError {
  return new MultifdError('usage', `${what}: there is a snapshot of this name already`, {
    hint: 'choose another name, or give --force to replace it',
  });
}

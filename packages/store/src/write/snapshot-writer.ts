import type { GuestRamDescriptor } from '@multifd/core';
import { MultifdError } from '@multifd/core/ram';
import { digest, hex } from '../format/hash.js';
import { LARGEST_OBJECT } from '../format/layout.js';
import { PACKS, packOf, snapshotKey } from '../format/names.js';
import { encodeSnapshot, parseSnapshot } from '../format/snapshot.js';
import { Lease } from '../lease/lease.js';
import type { NamedSnapshot, Store } from '../store.js';
import { describe, type GuestAtRest } from './describe.js';
import { checkThreads, Packing } from './packing.js';
import { findCandidates } from './parent.js';

export interface WriterOptions {
  /** Bytes of each RAM block. */
  readonly blocks: readonly { readonly name: string; readonly length: number }[];
  /** Whether a snapshot of this name may be replaced. */
  readonly replace?: boolean;
  /**
   * What may be replaced, and nothing younger: what `Store.holder` has said earlier, null for nothing. What has the name at `begin`,
   * if it is not given.
   */
  readonly before?: string | null;
  /**
   * Threads that hash and pack, 1 to 64; half of them, but at least one, while the guest comes. Each fills a pack of its own. Default:
   * one for each processor that this process can use, at most 8.
   */
  readonly threads?: number;
  readonly signal?: AbortSignal;
  /** Bytes of RAM that are stored or found, of all. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** Writes one snapshot. What is there already is found out while the guest still comes. */
export class SnapshotWriter {
  readonly #store: Store;
  readonly #name: string;
  readonly #options: WriterOptions;
  #lease: Lease;
  /** Hash of what had the name at the beginning: that, and nothing younger, may be replaced. Undefined: nothing had it. */
  readonly #before: string | undefined;
  readonly #candidates: Promise<readonly NamedSnapshot[]>;
  readonly #packing: Packing;
  #stale = 0;
  /** What had the name, once `write` is about to replace it. */
  #replaced: Uint8Array | undefined;
  /** The hash of what `write` may have given the name. */
  #written: string | undefined;

  private constructor(
    store: Store,
    name: string,
    options: WriterOptions,
    before: string | undefined,
    lease: Lease,
  ) {
    this.#store = store;
    this.#name = name;
    this.#options = options;
    this.#before = before;
    this.#lease = lease;
    this.#packing = new Packing(store, store.whatOf(name), options);
    this.#candidates = findCandidates(store, options.blocks);
    // It is waited for in `write`.
    this.#candidates.catch(() => {});
  }

  /**
   * Takes a lease, until `close`.
   * @throws MultifdError `usage` for a name that is none, is taken, or has been replaced since `before`; `io`; `cancelled`.
   */
  static async begin(store: Store, name: string, options: WriterOptions): Promise<SnapshotWriter> {
    const { signal, threads, replace = false } = options;
    checkThreads(threads);
    const now = await store.holder(name);
    if (now !== undefined && !replace) throw taken(store, name);
    const before = options.before === undefined ? now : (options.before ?? undefined);
    if (now !== undefined && now !== before) throw younger(store, name);
    const lease = await Lease.use(store.objects, `a writer of ${name}`, signal);
    try {
      return new SnapshotWriter(store, name, options, before, lease);
    } catch (error) {
      // What has failed says more than that this fails, too.
      await lease.release().catch(() => {});
      throw error;
    }
  }

  /** Packs that could not be used, one line each: what they hold is stored once more. */
  async unusable(): Promise<readonly string[]> {
    return this.#packing.unusable();
  }

  /**
   * Packs chunks while the guest comes, so that little is left when it stands still. To be called once, after `begin`. What was
   * packed and has no mark since is not looked at again: whoever writes to RAM without a mark has it stored as it was before.
   * @param ram all zero. `write` gets the same.
   * @returns for core's `IncomingRam.changedPages`: whoever writes marks there, after each write.
   */
  watch(ram: GuestRamDescriptor): readonly SharedArrayBuffer[] {
    return this.#packing.watch(ram);
  }

  /** Bytes of RAM that were hashed, and packed if the store had them not, while the guest came. Grows after `watch`. */
  get early(): number {
    return this.#packing.early;
  }

  /**
   * What has failed while the guest came. `write` then does all of it once more, with what the store has by then, and fails only if that
   * fails. Undefined: nothing, or the writer was closed or interrupted.
   */
  get setback(): MultifdError | undefined {
    return this.#packing.setback;
  }

  /**
   * After `write`: bytes that were stored of the guest while it came, and that are not in the snapshot, as it wrote them again. After a
   * `setback` nothing is known of them: 0.
   */
  get stale(): number {
    return this.#stale;
  }

  /**
   * Stores the guest and gives it its name. On the disk when it resolves. To be called once.
   * @throws MultifdError `io`, `cancelled`; `usage` if somebody has taken or replaced the name since `begin`. Then there is no new
   * snapshot, and what had its name still has it; chunks that are stored stay until the next gc. If the store fails so that not
   * even that can be had, `withdraw` tries it again.
   */
  async write(guest: GuestAtRest): Promise<NamedSnapshot> {
    const candidates = await this.#candidates;
    const ingested = await this.#packing.pack(guest);
    this.#stale = ingested.stale;
    const { bytes } = encodeSnapshot(describe(guest, ingested, candidates));
    const what = this.#store.whatOf(this.#name);
    if (bytes.length > LARGEST_OBJECT)
      throw new MultifdError('io', `${what}: its list of chunks would have ${bytes.length} bytes`);
    const snapshot = { ...parseSnapshot(bytes, what), name: this.#name, size: bytes.length };
    try {
      await this.#publish(bytes, snapshot);
    } catch (error) {
      // What has failed says more than that this fails, too; the caller can try it again.
      await this.withdraw().catch(() => {});
      throw error;
    }
    return snapshot;
  }

  /** Takes the snapshot back, if `write` may have written one: what it has replaced is there again. */
  async withdraw(): Promise<void> {
    if (this.#written === undefined) return;
    // Else it has not come so far, or is somebody else's by now.
    if ((await this.#store.holder(this.#name)) === this.#written) {
      const key = snapshotKey(this.#name);
      if (this.#replaced === undefined) await this.#store.objects.delete(key);
      else await this.#store.objects.put(key, [this.#replaced]);
    }
    this.#written = undefined;
  }

  /** Gives the lease back. A `write` that is under way fails. */
  async close(): Promise<void> {
    await this.#packing.close();
    await this.#lease.release();
  }

  async #publish(bytes: Uint8Array, snapshot: NamedSnapshot): Promise<void> {
    const { objects } = this.#store;
    if (!(await this.#hasAll(snapshot.packs))) throw this.#lost();
    const old = this.#before === undefined ? undefined : await this.#store.snapshotBytes(this.#name);
    if (old !== undefined && hex(digest(old)) !== this.#before) throw younger(this.#store, this.#name);
    this.#replaced = old;
    // A put that fails may have come through all the same.
    this.#written = hex(digest(bytes));
    const isOurs = await objects.put(snapshotKey(this.#name), [bytes], { ifAbsent: old === undefined });
    if (!isOurs) {
      const { replace = false } = this.#options;
      throw replace ? younger(this.#store, this.#name) : taken(this.#store, this.#name);
    }
    // A gc that begins from here on sees the snapshot; if none began before, all of its packs are there.
    if (await this.#hasAll(snapshot.packs)) return;
    // What has lost packs, too, cannot come back.
    if (old !== undefined && !(await this.#areThere(packsOf(old)))) this.#replaced = undefined;
    throw this.#lost();
  }

  /** Whether no gc can have removed these packs, or they are there all the same. */
  async #hasAll(packs: readonly string[]): Promise<boolean> {
    if (await this.#lease.isHeld()) return true;
    // A gc took us for dead. With a new lease none goes on: what is there now stays.
    await this.#lease.release();
    this.#lease = await Lease.use(this.#store.objects, `a writer of ${this.#name}`, this.#options.signal);
    return this.#areThere(packs);
  }

  async #areThere(packs: readonly string[]): Promise<boolean> {
    const entries = await this.#store.objects.list(PACKS);
    const there = new Set(entries.map(({ key }) => packOf(key)));
    return packs.every((id) => there.has(id));
  }

  #lost(): MultifdError {
    const what = this.#store.whatOf(this.#name);
    return new MultifdError(
      'io',
      `${what}: a gc took this process for dead, and removed what it has stored`,
      {
        hint: 'was the machine suspended, or the store out of reach? Try again',
      },
    );
  }
}

/** What a snapshot needs; nothing, if it is damaged: it is put back as it was. */
function packsOf(bytes: Uint8Array): readonly string[] {
  try {
    return parseSnapshot(bytes, '').packs;
  } catch {
    return [];
  }
}

function younger(store: Store, name: string): MultifdError {
  return new MultifdError(
    'usage',
    `${store.whatOf(name)}: another writer has taken the name since this one began`,
    {
      hint: 'choose another name, or look at that snapshot and begin again',
    },
  );
}

function taken(store: Store, name: string): MultifdError {
  return new MultifdError('usage', `${store.whatOf(name)}: there is a snapshot of this name already`, {
    hint: 'choose another name, or let this one be replaced',
  });
}

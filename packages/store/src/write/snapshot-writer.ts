import { randomBytes } from 'node:crypto';
import { availableParallelism } from 'node:os';
import type { GuestRamDescriptor } from '@multifd/core';
import { MultifdError } from '@multifd/core/ram';
import { digest, hex } from '../format/hash.js';
import { LARGEST_OBJECT } from '../format/layout.js';
import { PACKS, packOf, snapshotKey } from '../format/names.js';
import { encodeSnapshot, parseSnapshot } from '../format/snapshot.js';
import { Lease } from '../lease/lease.js';
import type { ObjectPlace } from '../objects/object-store.js';
import type { NamedSnapshot, Store } from '../store.js';
import { Arrival } from './arrival.js';
import { describe, type GuestAtRest } from './describe.js';
import { Ingest } from './ingest.js';
import { IngestWorker } from './ingest-worker.js';
import { findKnownChunks, type KnownChunks } from './known-chunks.js';
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
  readonly signal?: AbortSignal;
  /** Bytes of RAM that are stored or found, of all. */
  readonly onProgress?: (done: number, total: number) => void;
}

function marked(place: ObjectPlace, mark: string): ObjectPlace {
  return place.kind === 'disk' ? { ...place, mark } : place;
}

/** More do not help: the disk is busy by then. */
const MOST_THREADS = 8;

interface Prepared {
  readonly known: KnownChunks;
  readonly candidates: readonly NamedSnapshot[];
}

/** Writes one snapshot. What is there already is found out while the guest still comes. */
export class SnapshotWriter {
  readonly #store: Store;
  readonly #name: string;
  readonly #options: WriterOptions;
  #lease: Lease;
  /** Hash of what had the name at the beginning: that, and nothing younger, may be replaced. Undefined: nothing had it. */
  readonly #before: string | undefined;
  readonly #prepared: Promise<Prepared>;
  /** Started while the guest still comes: when it is here it stands still. */
  readonly #threads = Array.from(
    { length: Math.min(MOST_THREADS, availableParallelism()) },
    () => new IngestWorker(),
  );
  /** Of what the threads write: as long as it is not finished it is found by it. */
  readonly #mark = randomBytes(8).toString('hex');
  /** What is packed while the guest comes, if `watch` was called. */
  #watched:
    | { readonly ram: GuestRamDescriptor; readonly arrival: Arrival; readonly ingest: Promise<Ingest> }
    | undefined;
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
    prepared: Promise<Prepared>,
  ) {
    this.#store = store;
    this.#name = name;
    this.#options = options;
    this.#before = before;
    this.#lease = lease;
    this.#prepared = prepared;
  }

  /**
   * Takes a lease, until `close`.
   * @throws MultifdError `usage` for a name that is none, is taken, or has been replaced since `before`; `io`; `cancelled`.
   */
  static async begin(store: Store, name: string, options: WriterOptions): Promise<SnapshotWriter> {
    const { signal, blocks, replace = false } = options;
    const now = await store.holder(name);
    if (now !== undefined && !replace) throw taken(store, name);
    const before = options.before === undefined ? now : (options.before ?? undefined);
    if (now !== undefined && now !== before) throw younger(store, name);
    const lease = await Lease.use(store.objects, `a writer of ${name}`, signal);
    const prepared = prepare(store, blocks, signal);
    // It is waited for in `write`.
    prepared.catch(() => {});
    return new SnapshotWriter(store, name, options, before, lease, prepared);
  }

  /** Packs that could not be used, one line each: what they hold is stored once more. */
  async unusable(): Promise<readonly string[]> {
    return (await this.#prepared).known.unusable;
  }

  /**
   * Packs chunks while the guest comes, so that little is left when it stands still. To be called once, after `begin`.
   * @param ram all zero. `write` gets the same.
   * @returns for core's `IncomingRam.changedPages`: whoever writes marks there.
   */
  watch(ram: GuestRamDescriptor): readonly SharedArrayBuffer[] {
    const arrival = new Arrival(ram);
    const ingest = this.#ingestEarly(ram, arrival);
    // It is waited for in `write`.
    ingest.catch(() => {});
    this.#watched = { ram, arrival, ingest };
    return arrival.changed;
  }

  /** After `write`: bytes that were stored of the guest while it came, and that are not in the snapshot, as it wrote them again. */
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
    const { candidates } = await this.#prepared;
    const ingest = await this.#ingestOf(guest.ram);
    const ingested = await ingest.rest(guest.receivedPages).finally(() => ingest.close());
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
    this.#watched?.arrival.end();
    await Promise.all(this.#threads.map((thread) => thread.end()));
    // What they were about to store. What cannot go now goes with the next gc.
    await this.#store.objects.sweep(this.#mark).catch(() => {});
    await this.#lease.release();
  }

  /** Its threads are at work if the guest was watched. */
  async #ingestOf(ram: GuestRamDescriptor): Promise<Ingest> {
    if (this.#watched === undefined) return this.#openIngest(ram);
    this.#watched.arrival.end();
    if (!isSameRam(this.#watched.ram, ram))
      throw new MultifdError('internal', `${this.#store.whatOf(this.#name)}: another guest was watched`);
    return this.#watched.ingest;
  }

  async #ingestEarly(ram: GuestRamDescriptor, arrival: Arrival): Promise<Ingest> {
    const ingest = await this.#openIngest(ram);
    try {
      await ingest.early(arrival);
      return ingest;
    } catch (error) {
      ingest.close();
      throw error;
    }
  }

  async #openIngest(ram: GuestRamDescriptor): Promise<Ingest> {
    const { known } = await this.#prepared;
    const { signal, onProgress } = this.#options;
    const place = marked(this.#store.objects.place, this.#mark);
    return Ingest.open({ threads: this.#threads, place, ram, known, signal, onProgress });
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

/** Whether its chunks are the same memory. */
function isSameRam(a: GuestRamDescriptor, b: GuestRamDescriptor): boolean {
  if (a.pageSize !== b.pageSize || a.blocks.length !== b.blocks.length) return false;
  return a.blocks.every(({ name, length }, index) => {
    const other = b.blocks[index];
    return other?.name === name && other.length === length;
  });
}

/** What a snapshot needs; nothing, if it is damaged: it is put back as it was. */
function packsOf(bytes: Uint8Array): readonly string[] {
  try {
    return parseSnapshot(bytes, '').packs;
  } catch {
    return [];
  }
}

async function prepare(
  store: Store,
  blocks: WriterOptions['blocks'],
  signal: AbortSignal | undefined,
): Promise<Prepared> {
  const [known, candidates] = await Promise.all([
    findKnownChunks(store, signal),
    findCandidates(store, blocks),
  ]);
  return { known, candidates };
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

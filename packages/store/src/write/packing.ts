import { randomBytes } from 'node:crypto';
import { availableParallelism } from 'node:os';
import type { GuestRamDescriptor } from '@multifd/core';
import { MultifdError } from '@multifd/core/ram';
import type { ObjectPlace } from '../objects/object-store.js';
import type { Store } from '../store.js';
import { Arrival } from './arrival.js';
import type { GuestAtRest } from './describe.js';
import { Ingest, type Ingested } from './ingest.js';
import { IngestWorker } from './ingest-worker.js';
import { findKnownChunks, type KnownChunks } from './known-chunks.js';
import { isSameRam } from './same-ram.js';

/** More do not help: the disk is busy by then. */
const DEFAULT_MOST = 8;
/** What a caller can have: each takes tens of MiB. */
const MOST_THREADS = 64;

export interface PackingOptions {
  readonly threads?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
}

/** A guest that is packed while it comes. */
interface Watched {
  readonly ram: GuestRamDescriptor;
  readonly arrival: Arrival;
  readonly ingest: Promise<Ingest>;
}

/** Brings one guest into packs, with threads of its own: some of it while it comes (`watch`), the rest when it is here (`pack`). */
export class Packing {
  readonly #store: Store;
  /** For messages: the snapshot. */
  readonly #what: string;
  readonly #options: PackingOptions;
  /** Started while the guest still comes: when it is here it stands still. */
  #threads: readonly IngestWorker[];
  #known: Promise<KnownChunks>;
  /** Of what the threads write: as long as it is not finished it is found by it. */
  readonly #mark = randomBytes(8).toString('hex');
  #watched: Watched | undefined;
  #early: Ingest | undefined;
  #setback: MultifdError | undefined;
  #isClosed = false;

  /** To be closed. @param options checked by `checkThreads`. @throws MultifdError `io` if its threads cannot be started. */
  constructor(store: Store, what: string, options: PackingOptions) {
    this.#store = store;
    this.#what = what;
    this.#options = options;
    this.#threads = startThreads(options.threads);
    this.#known = this.#findKnown();
  }

  async unusable(): Promise<readonly string[]> {
    return (await this.#known).unusable;
  }

  /** Bytes of RAM that were hashed, and packed if they were new, while the guest came. */
  get early(): number {
    return this.#early?.earlyBytes ?? 0;
  }

  /** What has failed while the guest came: all of it is packed when it is here. */
  get setback(): MultifdError | undefined {
    return this.#setback;
  }

  /** @returns bitmaps for those who write. */
  watch(ram: GuestRamDescriptor): readonly SharedArrayBuffer[] {
    const arrival = new Arrival(ram);
    const ingest = this.#packEarly(ram, arrival);
    // It is waited for in `pack`.
    ingest.catch(() => {});
    this.#watched = { ram, arrival, ingest };
    return arrival.changed;
  }

  /** @throws MultifdError `io`, `cancelled`; `internal` for RAM that is not what was watched. */
  async pack({ ram, receivedPages }: GuestAtRest): Promise<Ingested> {
    const ingest = await this.#ingestOf(ram);
    return ingest.rest(receivedPages).finally(() => ingest.close());
  }

  /** What is under way fails. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#watched?.arrival.end();
    this.#early?.close();
    await this.#endThreads();
  }

  /** Its threads are at work if the guest was watched. */
  async #ingestOf(ram: GuestRamDescriptor): Promise<Ingest> {
    const watched = this.#watched;
    if (watched === undefined) return this.#open(ram);
    watched.arrival.end();
    if (!isSameRam(watched.ram, ram))
      throw new MultifdError('internal', `${this.#what}: another guest was watched`);
    try {
      return await watched.ingest;
    } catch (error) {
      if (this.#setback === undefined) throw error;
      return this.#afresh(ram);
    }
  }

  async #packEarly(ram: GuestRamDescriptor, arrival: Arrival): Promise<Ingest> {
    try {
      const ingest = await this.#open(ram);
      this.#early = ingest;
      await ingest.early(arrival);
      return ingest;
    } catch (cause) {
      this.#early?.close();
      const error = MultifdError.from(cause, 'internal', `${this.#what}: cannot be packed`);
      // That is no reason to try again.
      if (error.code !== 'cancelled' && !this.#isClosed) this.#setback = error;
      throw error;
    }
  }

  /**
   * Nothing of what failed is used: threads that failed go on failing, and the table of chunks has some whose packs were never put.
   * A store that is still broken fails again, by its own error.
   */
  async #afresh(ram: GuestRamDescriptor): Promise<Ingest> {
    await this.#endThreads();
    this.#known = this.#findKnown();
    await this.#known;
    if (this.#isClosed) throw new MultifdError('cancelled', `${this.#what}: its writer was closed`);
    this.#threads = startThreads(this.#options.threads);
    return this.#open(ram);
  }

  async #open(ram: GuestRamDescriptor): Promise<Ingest> {
    const known = await this.#known;
    const { signal, onProgress } = this.#options;
    const place = marked(this.#store.objects.place, this.#mark);
    return Ingest.open({ threads: this.#threads, place, ram, known, signal, onProgress });
  }

  #findKnown(): Promise<KnownChunks> {
    const known = findKnownChunks(this.#store, this.#options.signal);
    // It is waited for when it is needed.
    known.catch(() => {});
    return known;
  }

  async #endThreads(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.end()));
    // What they were about to store. What cannot go now goes with the next gc.
    await this.#store.objects.sweep(this.#mark).catch(() => {});
  }
}

/** @throws MultifdError `usage`. */
export function checkThreads(threads: number | undefined): void {
  if (threads === undefined) return;
  if (Number.isInteger(threads) && threads >= 1 && threads <= MOST_THREADS) return;
  throw new MultifdError(
    'usage',
    `threads must be a whole number from 1 to ${MOST_THREADS}, is ${String(threads)}`,
  );
}

/** @throws MultifdError `io` if one of them cannot be started: then there is none. */
function startThreads(threads = Math.min(DEFAULT_MOST, availableParallelism())): readonly IngestWorker[] {
  const started: IngestWorker[] = [];
  try {
    while (started.length < threads) started.push(new IngestWorker());
  } catch (error) {
    for (const each of started) void each.end();
    throw error;
  }
  return started;
}

function marked(place: ObjectPlace, mark: string): ObjectPlace {
  return place.kind === 'disk' ? { ...place, mark } : place;
}

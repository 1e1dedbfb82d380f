import { randomBytes } from 'node:crypto';
import { MultifdError } from '@multifd/core/ram';
import { LEASES } from '../format/names.js';
import type { ObjectStore } from '../objects/object-store.js';
import { thisProcess } from './owner.js';
import {
  describeLease,
  formatLease,
  isOver,
  type LeaseKind,
  type LeaseRecord,
  LONGEST_LEASE,
  parseLease,
} from './record.js';

/** ms */
const LIFETIME = 120_000;
const RENEWED_EVERY = 20_000;
/** ms: a list that takes longer may have missed a lease that was there all the time, and is read again. */
const LONGEST_LIST = RENEWED_EVERY / 2;
/** Lists in a row that were not at rest. */
const MOST_LISTS = 20;

/** How long a user of the store waits for a gc, and how often it looks, in ms. */
export interface Patience {
  readonly wait: number;
  readonly every: number;
}

/** Somebody else's lease. */
interface Other {
  readonly kind: LeaseKind;
  readonly words: string;
}

const PATIENCE: Patience = { wait: 60_000, every: 500 };

/**
 * The word of a process that it uses the store, or that it collects garbage: both put their lease first and look for others
 * then, so that of two at least one sees the other. docs/store-format.md argues why that is enough.
 */
export class Lease {
  readonly #objects: ObjectStore;
  readonly #kind: LeaseKind;
  readonly #purpose: string;
  readonly #id = randomBytes(8).toString('hex');
  /** Of the next one: no key is used twice. */
  #number = 0;
  /** All keys that may be there: of a put that failed, too. */
  #keys: string[] = [];
  /** The one that was put last. */
  #last: string | undefined;
  #isLost = false;
  #isReleased = false;
  #timer: NodeJS.Timeout | undefined;
  /** Renewals and questions, one after the other. */
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(objects: ObjectStore, kind: LeaseKind, purpose: string) {
    this.#objects = objects;
    this.#kind = kind;
    this.#purpose = purpose;
  }

  /**
   * Waits for a gc that is at work.
   * @param purpose what is done, for the messages of others.
   * @throws MultifdError `io` if the gc takes longer; `cancelled`.
   */
  static async use(
    objects: ObjectStore,
    purpose: string,
    signal?: AbortSignal,
    patience: Patience = PATIENCE,
  ): Promise<Lease> {
    const until = performance.now() + patience.wait;
    for (;;) {
      const lease = new Lease(objects, 'use', purpose);
      const obstacle = (await lease.#begin()).find(({ kind }) => kind === 'gc');
      if (obstacle === undefined) return lease.#kept();
      await lease.release();
      if (performance.now() > until) throw busy(objects, obstacle.words);
      await pause(patience.every, signal);
    }
  }

  /** @throws MultifdError `io` if somebody else uses the store. */
  static async alone(objects: ObjectStore, purpose: string): Promise<Lease> {
    const lease = new Lease(objects, 'gc', purpose);
    const [other] = await lease.#begin();
    if (other === undefined) return lease.#kept();
    await lease.release();
    throw busy(objects, other.words);
  }

  /** Whether it was never taken away: nobody has removed a pack since it began. */
  async isHeld(): Promise<boolean> {
    return this.#inTurn(async () => {
      await this.#look();
      return !this.#isLost;
    });
  }

  /** @throws MultifdError `io` if it was taken away. */
  async check(): Promise<void> {
    if (await this.isHeld()) return;
    throw new MultifdError(
      'io',
      `${this.#objects.what}: a gc took this process for dead while it used the store`,
      {
        hint: 'was the machine suspended, or the store out of reach? Try again',
      },
    );
  }

  async release(): Promise<void> {
    this.#isReleased = true;
    clearTimeout(this.#timer);
    await this.#inTurn(() => this.#remove(0));
  }

  /** Puts it, and looks for others then. What fails leaves nothing. */
  async #begin(): Promise<readonly Other[]> {
    try {
      await this.#put();
      return await this.#others();
    } catch (error) {
      // What has failed says more than that this fails, too.
      await this.release().catch(() => {});
      throw error;
    }
  }

  #kept(): this {
    // Counted from the end of a renewal: two of them never follow each other at once.
    this.#timer = setTimeout(() => {
      // What fails now is tried again soon, and `isHeld` tells in the end.
      const renewed = this.#inTurn(() => this.#renew()).catch(() => {});
      renewed.then(() => {
        if (!this.#isReleased) this.#kept();
      });
    }, RENEWED_EVERY);
    this.#timer.unref();
    return this;
  }

  /**
   * The next one is there before the last one is looked for: at any time one of them can be seen, or it is lost. The last one
   * stays until the next renewal: who lists all leases meanwhile may miss the next one, and finds this one.
   */
  async #renew(): Promise<void> {
    if (this.#isReleased) return;
    const last = this.#last;
    await this.#put(() => this.#look());
    this.#keys = this.#keys.filter((key) => key !== last && key !== this.#last);
    this.#keys.push(...[last, this.#last].filter((key) => key !== undefined));
    await this.#remove(2);
  }

  /** Whether the one that was put last is still there. */
  async #look(): Promise<void> {
    if (this.#isLost || this.#last === undefined) return;
    if ((await this.#objects.get(this.#last, LONGEST_LEASE)) === undefined) this.#isLost = true;
  }

  /** Removes all of its keys but so many at the end. */
  async #remove(left: number): Promise<void> {
    while (this.#keys.length > left) {
      const [key = ''] = this.#keys;
      await this.#objects.delete(key);
      this.#keys.shift();
    }
  }

  /** @param before is done when it is there, and before it counts. */
  async #put(before?: () => Promise<void>): Promise<void> {
    const key = `${LEASES}${this.#id}-${this.#number++}`;
    const record = {
      kind: this.#kind,
      purpose: this.#purpose,
      owner: thisProcess(),
      expires: Date.now() + LIFETIME,
    };
    this.#keys.push(key);
    if (!(await this.#objects.put(key, [formatLease(record)], { ifAbsent: true }))) {
      // It is somebody else's, and stays.
      this.#keys.pop();
      const name = key.slice(LEASES.length);
      throw new MultifdError('internal', `${this.#objects.what}: there is a lease ${name} already`);
    }
    await before?.();
    this.#last = key;
  }

  /**
   * Leases of others that hold. What is over is removed; then it is looked once more, since its owner may have renewed it. So it
   * is when one goes while it is looked at: its owner may have put the next one behind the list's back.
   */
  async #others(): Promise<readonly Other[]> {
    for (let each = 0; each < MOST_LISTS; each++) {
      const found: Other[] = [];
      let isAtRest = true;
      const began = Date.now();
      const entries = await this.#objects.list(LEASES);
      if (Math.abs(Date.now() - began) > LONGEST_LIST) continue;
      for (const { key } of entries) {
        if (key.startsWith(LEASES + this.#id)) continue;
        const bytes = await this.#objects.get(key, LONGEST_LEASE);
        const record = bytes === undefined ? undefined : this.#parse(bytes, key);
        if (record === undefined) isAtRest = false;
        else if (isOver(record, Date.now())) {
          await this.#objects.delete(key);
          isAtRest = false;
        } else {
          found.push({ kind: record.kind, words: `${describeLease(record)}, says ${key}` });
        }
      }
      if (isAtRest) return found;
    }
    throw new MultifdError('io', `${this.#objects.what}: its leases cannot be listed at rest`, {
      hint: 'they change all the time, or a list takes too long: try again later',
    });
  }

  #parse(bytes: Uint8Array, key: string): LeaseRecord {
    const record = parseLease(bytes);
    if (record !== undefined) return record;
    throw new MultifdError('protocol', `${this.#objects.what}: ${key} is not a lease as multifd writes it`, {
      hint: 'remove it if nobody uses the store',
    });
  }

  #inTurn<T>(what: () => Promise<T>): Promise<T> {
    const next = this.#turn.then(what);
    this.#turn = next.catch(() => {});
    return next;
  }
}

function busy(objects: ObjectStore, words: string): MultifdError {
  return new MultifdError('io', `${objects.what}: in use by ${words}`, {
    hint: 'wait until it has ended; if its machine is gone, remove that lease from the store',
  });
}

async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(new MultifdError('cancelled', 'interrupted while a gc was waited for'));
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop);
      resolve();
    }, ms);
    if (signal?.aborted) stop();
    signal?.addEventListener('abort', stop, { once: true });
  });
}

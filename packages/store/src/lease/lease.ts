import { randomBytes } from 'node:crypto';
import { MultifdError } from '@multifd/core/ram';
import { LEASES } from '../format/names.js';
import type { ObjectStore } from '../objects/object-store.js';
import { thisProcess } from './owner.js';
import { describeLease, formatLease, isOver, type LeaseKind, LONGEST_LEASE, parseLease } from './record.js';

/** ms */
const LIFETIME = 120_000;
const RENEWED_EVERY = 20_000;

/** How long a user of the store waits for a gc, and how often it looks, in ms. */
export interface Patience {
  readonly wait: number;
  readonly every: number;
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
  #number = 0;
  #isLost = false;
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
      await lease.#put();
      const obstacle = (await lease.#others()).find(({ kind }) => kind === 'gc');
      if (obstacle === undefined) return lease.#kept();
      await lease.release();
      if (performance.now() > until) throw busy(objects, obstacle.words);
      await pause(patience.every, signal);
    }
  }

  /** @throws MultifdError `io` if somebody else uses the store. */
  static async alone(objects: ObjectStore, purpose: string): Promise<Lease> {
    const lease = new Lease(objects, 'gc', purpose);
    await lease.#put();
    const [other] = await lease.#others();
    if (other === undefined) return lease.#kept();
    await lease.release();
    throw busy(objects, other.words);
  }

  /** Whether it was never taken away: nobody has removed a pack since it began. */
  async isHeld(): Promise<boolean> {
    return this.#inTurn(async () => {
      if (!this.#isLost && (await this.#objects.get(this.#key(this.#number), LONGEST_LEASE)) === undefined)
        this.#isLost = true;
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
    clearInterval(this.#timer);
    await this.#inTurn(() => this.#objects.delete(this.#key(this.#number)));
  }

  #kept(): this {
    this.#timer = setInterval(() => {
      // What fails now is tried again soon, and `isHeld` tells in the end.
      this.#inTurn(() => this.#renew()).catch(() => {});
    }, RENEWED_EVERY);
    this.#timer.unref();
    return this;
  }

  /** The next one is there before the last one is looked for: at any time one of them can be seen, or it is lost. */
  async #renew(): Promise<void> {
    const last = this.#key(this.#number);
    this.#number++;
    await this.#put();
    if ((await this.#objects.get(last, LONGEST_LEASE)) === undefined) this.#isLost = true;
    await this.#objects.delete(last);
  }

  async #put(): Promise<void> {
    const { length } = LEASES;
    const key = this.#key(this.#number);
    const record = {
      kind: this.#kind,
      purpose: this.#purpose,
      owner: thisProcess(),
      expires: Date.now() + LIFETIME,
    };
    if (await this.#objects.put(key, [formatLease(record)], { ifAbsent: true })) return;
    throw new MultifdError(
      'internal',
      `${this.#objects.what}: there is a lease ${key.slice(length)} already`,
    );
  }

  /** Leases of others that hold. What is over is removed; then it is looked once more, since its owner may have renewed it. */
  async #others(): Promise<readonly { readonly kind: LeaseKind; readonly words: string }[]> {
    for (;;) {
      const found: { readonly kind: LeaseKind; readonly words: string }[] = [];
      let removed = 0;
      for (const { key } of await this.#objects.list(LEASES)) {
        if (key.startsWith(LEASES + this.#id)) continue;
        const bytes = await this.#objects.get(key, LONGEST_LEASE);
        if (bytes === undefined) continue;
        const record = parseLease(bytes);
        if (record === undefined) {
          throw new MultifdError(
            'protocol',
            `${this.#objects.what}: ${key} is not a lease as multifd writes it`,
            {
              hint: 'remove it if nobody uses the store',
            },
          );
        }
        if (isOver(record, Date.now())) {
          await this.#objects.delete(key);
          removed++;
        } else {
          found.push({ kind: record.kind, words: `${describeLease(record)}, says ${key}` });
        }
      }
      if (removed === 0) return found;
    }
  }

  #key(number: number): string {
    return `${LEASES}${this.#id}-${number}`;
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

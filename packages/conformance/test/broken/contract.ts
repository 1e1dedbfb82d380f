/** Accelerators that break what version 2 of the contract added; all else of them is right. */
import type { Accelerator, AttachedBlock, PageBatch, Settings } from '@multifd/core/accelerator';
import { CompleteDetector, completeOne, SETTINGS } from '../complete.js';
import { rightAnswers } from './make.js';

const help = 'one line';

/** Declares settings as no accelerator may. */
const declares = (name: string, settings: Settings): Accelerator =>
  completeOne(name, (options) => new CompleteDetector(options), { settings });

/** A detector with one part of its own. */
const detects = (name: string, make: new (options: never) => CompleteDetector): Accelerator =>
  completeOne(name, (options) => Reflect.construct(make, [options]));

class LargerThanDeclared extends CompleteDetector {
  override readonly preferredBatch = 129;
}
class MoreThanDeclared extends CompleteDetector {
  override readonly inFlight = 5;
}
class NoneAtATime extends CompleteDetector {
  override readonly inFlight = 0;
}

class OnlyAnnounced extends CompleteDetector {
  override async detect(batch: PageBatch, isZero: Uint8Array): Promise<void> {
    await super.detect(batch, isZero);
    const { buffer } = batch.memory;
    const isKnown = buffer instanceof SharedArrayBuffer && this.attached.includes(buffer);
    if (this.attached.length > 0 && !isKnown) isZero.fill(1, 0, batch.count);
  }
}

/** Takes an offset for one in the first piece. */
class FirstPiece extends CompleteDetector {
  override async detect(batch: PageBatch, isZero: Uint8Array): Promise<void> {
    await super.detect(batch, isZero);
    const [first] = this.attached;
    if (first === undefined || !this.attached.some((buffer) => buffer === batch.memory.buffer)) return;
    const memory = new Uint8Array(first, 4096, batch.memory.length);
    isZero.set(rightAnswers({ ...batch, memory }, this.pageSize));
  }
}

/** Leaves a mark in each piece that it pins. */
class Marks extends CompleteDetector {
  override async detect(batch: PageBatch, isZero: Uint8Array): Promise<void> {
    await super.detect(batch, isZero);
    for (const buffer of this.attached) new Uint8Array(buffer)[4096] = 0x5a;
  }
}

class WithoutFiles extends CompleteDetector {
  override attach(blocks: readonly AttachedBlock[]): void {
    for (const { name, pieces } of blocks) if (pieces.length === 0) throw new Error(`${name}: no memory`);
    super.attach(blocks);
  }
}

/** Memory that somebody has registered: one detector at a time. */
const taken = new Set<unknown>();

class TakesForItself extends CompleteDetector {
  override attach(blocks: readonly AttachedBlock[]): void {
    super.attach(blocks);
    for (const buffer of this.attached) {
      if (taken.has(buffer)) throw new Error('registered already');
      taken.add(buffer);
    }
  }
  override detach(): void {
    for (const buffer of this.attached) taken.delete(buffer);
    super.detach();
  }
}

/** `close` leaves to `detach` what only `detach` knows. */
const kept = new Map<unknown, number>();

class KeepsWhenClosed extends CompleteDetector {
  #mine: readonly unknown[] = [];
  override attach(blocks: readonly AttachedBlock[]): void {
    super.attach(blocks);
    this.#mine = [...this.attached];
    for (const buffer of this.#mine) {
      const users = (kept.get(buffer) ?? 0) + 1;
      if (users > 2) throw new Error('no more registrations');
      kept.set(buffer, users);
    }
  }
  override detach(): void {
    for (const buffer of this.#mine) kept.set(buffer, (kept.get(buffer) ?? 0) - 1);
    this.#mine = [];
    super.detach();
  }
  override close(): void {
    const mine = this.#mine;
    this.#mine = [];
    super.close();
    this.#mine = mine;
  }
}

class DetachThrows extends CompleteDetector {
  override detach(): void {
    if (this.attached.length > 0) {
      super.detach();
      throw new Error('busy');
    }
  }
}

class CountsTwice extends CompleteDetector {
  override async detect(batch: PageBatch, isZero: Uint8Array): Promise<void> {
    await super.detect(batch, isZero);
    this.done.device += batch.count >> 3;
  }
}
class CountsNotTheCpu extends CompleteDetector {
  override async detect(batch: PageBatch, isZero: Uint8Array): Promise<void> {
    await super.detect(batch, isZero);
    this.done.cpuAfterFault = 0;
  }
}
class Falls extends CompleteDetector {
  override async detect(batch: PageBatch, isZero: Uint8Array): Promise<void> {
    await super.detect(batch, isZero);
    this.done.deviceTime = batch.count === 1 ? 0 : 5;
  }
}
class BeganEarlier extends CompleteDetector {
  protected override done = { device: 1, cpuAfterFault: 0, queueFullRetries: 0, deviceTime: 0 };
}
class CountsHalves extends CompleteDetector {
  override counters() {
    return { ...this.done, queueFullRetries: 0.5 };
  }
}
const ofAll = { device: 0, cpuAfterFault: 0, queueFullRetries: 0, deviceTime: 0 };
class CountsForAll extends CompleteDetector {
  protected override done = ofAll;
}
class CeasesToCount extends CompleteDetector {
  override counters() {
    if (this.done.device > 0) throw new Error('no more');
    return this.done;
  }
}

/** With the case that is to catch it. */
export const breaking: readonly (readonly [Accelerator, RegExp])[] = [
  [declares('two-positional', { ...SETTINGS, more: SETTINGS.wq }), /settings are declared/],
  [
    declares('default-out-of-range', { n: { type: 'number', max: 1, default: 2, help } }),
    /settings are declared/,
  ],
  [declares('no-help', { n: { type: 'number', default: 2, help: ' ' } }), /settings are declared/],
  [declares('odd-key', { 'N M': { type: 'number', default: 2, help } }), /settings are declared/],
  [
    completeOne('throws-for-a-depth', (options) => new CompleteDetector(options), {
      probe({ depth }) {
        if (depth === 1) throw new Error('no queue of 1');
        return { ok: true, detail: 'runs' };
      },
    }),
    /probe answers whatever/,
  ],
  [
    completeOne('says-nothing-of-a-mode', (options) => new CompleteDetector(options), {
      probe: ({ mode }) =>
        mode === 'dedicated' ? { ok: false, reason: '', fix: '' } : { ok: true, detail: 'runs' },
    }),
    /probe answers whatever/,
  ],
  [
    completeOne('cannot-be-told-to-pin', (options) => {
      if (options.settings.pin === true) throw new Error('no memory may be pinned');
      return new CompleteDetector(options);
    }),
    /right answers whatever/,
  ],
  [
    completeOne('wrong-in-dedicated-mode', (options) =>
      options.settings.mode === 'dedicated' ? new AlwaysZero(options) : new CompleteDetector(options),
    ),
    /right answers whatever/,
  ],
  ...[
    { list: () => [{ id: 'a', what: 'a queue', usable: false, reason: 'busy', fix: '' }] as const },
    { list: () => ['a', 'a'].map((id) => ({ id, what: 'a queue', usable: true }) as const) },
    { list: () => [{ id: 'a', what: 'two\nlines', usable: true }] as const },
    { list: () => [{ id: 'a', what: 'a queue', queueDepth: -1, usable: true }] as const },
    {
      list() {
        throw new Error('no such directory');
      },
    },
  ].map(
    (rest, index) =>
      [
        completeOne(`lists-badly-${index}`, (options) => new CompleteDetector(options), rest),
        /list says what there is/,
      ] as const,
  ),
  [detects('larger-than-declared', LargerThanDeclared), /right answers whatever/],
  [detects('more-than-declared', MoreThanDeclared), /right answers whatever/],
  [detects('none-at-a-time', NoneAtATime), /right answers whatever/],
  [detects('only-announced', OnlyAnnounced), /and memory that is not/],
  [detects('first-piece', FirstPiece), /and memory that is not/],
  [detects('marks', Marks), /and memory that is not/],
  [detects('without-files', WithoutFiles), /and memory that is not/],
  [detects('takes-for-itself', TakesForItself), /announced again, and by others/],
  [detects('keeps-when-closed', KeepsWhenClosed), /it is withdrawn too/],
  [detects('detach-throws', DetachThrows), /and memory that is not/],
  [detects('counts-twice', CountsTwice), /add up to the pages asked/],
  [detects('counts-not-the-cpu', CountsNotTheCpu), /add up to the pages asked/],
  [detects('falls', Falls), /never fall/],
  [detects('began-earlier', BeganEarlier), /begin at 0/],
  [detects('counts-halves', CountsHalves), /begin at 0/],
  [detects('counts-for-all', CountsForAll), /begin at 0|of one detector alone/],
  [detects('ceases-to-count', CeasesToCount), /add up to the pages asked/],
];

class AlwaysZero extends CompleteDetector {
  override async detect(batch: PageBatch, isZero: Uint8Array): Promise<void> {
    await super.detect(batch, isZero);
    isZero.fill(1, 0, batch.count);
  }
}

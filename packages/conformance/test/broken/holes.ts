/** Accelerators that are wrong in one corner, and which case has to see it. */
import { setTimeout as wait } from 'node:timers/promises';
import type { Accelerator, PageBatch } from '@multifd/core/accelerator';
import { accelerator, CAPABILITIES, pageByPage, rightAnswer, rightAnswers } from './make.js';

export interface Hole {
  readonly broken: Accelerator;
  /** The cases that see it, and no others need to. */
  readonly seenBy: RegExp;
}

const WIDE = { capabilities: { ...CAPABILITIES, preferredBatch: 1024 } };

const NUMBERS = /numbers take for/;

/** Right, but for what `detect` does with a batch in WebAssembly memory. */
const wrongInWasm = (
  name: string,
  detect: (batch: PageBatch, whole: Uint8Array, isZero: Uint8Array, pageSize: number) => void,
) =>
  accelerator(name, (pageSize) => ({
    detect(batch, isZero) {
      const { wasmMemory } = batch;
      if (wasmMemory === undefined) isZero.set(rightAnswers(batch, pageSize));
      else detect(batch, new Uint8Array(wasmMemory.buffer), isZero, pageSize);
    },
    close() {},
  }));

/** Words of a page (of the width that `words` has), put together with `join`; 0 in the end is "zero". */
const folds = <Word extends number | bigint>(
  name: string,
  words: (page: ArrayBuffer) => ArrayLike<Word>,
  join: (sum: Word | undefined, next: Word) => Word,
): Accelerator => ({
  ...pageByPage(name, (memory, offset, pageSize) => {
    if (rightAnswer(memory, offset, pageSize)) return true;
    let sum: Word | undefined;
    const page = words(memory.slice(offset, offset + pageSize).buffer);
    for (let i = 0; i < page.length; i++) {
      const word = page[i];
      if (word !== undefined) sum = join(sum, word);
    }
    return Number(sum) === 0;
  }),
  capabilities: { ...CAPABILITIES, pageSize: { min: 4096, max: 4096 } },
});

const words64 = (page: ArrayBuffer) => new BigUint64Array(page);
const words32 = (page: ArrayBuffer) => new Uint32Array(page);
const words16 = (page: ArrayBuffer) => new Uint16Array(page);

/** The page size that was asked for last, as a module would keep it that was written for one detector. */
let lastPageSize = 0;
let resets = 0;

export const holes: readonly Hole[] = [
  {
    // A completion ring of 512 entries, read one lap late.
    broken: accelerator(
      'ring-of-512',
      (pageSize) => ({
        detect(batch, isZero) {
          const right = rightAnswers(batch, pageSize);
          isZero.set(right.map((answer, i) => (i < 512 ? answer : (right[i - 510] ?? answer))));
        },
        close() {},
      }),
      WIDE,
    ),
    seenBy: /a batch of 5000|as many pages as it likes best/,
  },
  {
    broken: accelerator('goes-by-the-length-of-offsets', (pageSize) => ({
      detect({ memory, offsets }, isZero) {
        isZero.set(rightAnswers({ memory, offsets, count: offsets.length }, pageSize));
      },
      close() {},
    })),
    seenBy: /longer than the batch/,
  },
  {
    // The address of a buffer, looked up once. Core hands over view after view into the same one.
    broken: accelerator('keeps-where-the-first-view-starts', (pageSize) => {
      const starts = new WeakMap<object, number>();
      return {
        detect({ memory, offsets, count }, isZero) {
          const start = starts.get(memory.buffer) ?? memory.byteOffset;
          starts.set(memory.buffer, start);
          const whole = new Uint8Array(memory.buffer, start);
          isZero.set(rightAnswers({ memory: whole, offsets, count }, pageSize));
        },
        close() {},
      };
    }),
    seenBy: /views into one buffer/,
  },
  {
    broken: wrongInWasm('last-byte-in-wasm', ({ memory, offsets, count }, _whole, isZero, pageSize) => {
      for (let i = 0; i < count; i++) {
        isZero[i] = rightAnswer(memory, offsets[i] ?? 0, pageSize - 1) ? 1 : 0;
      }
    }),
    seenBy: /at every offset, in WebAssembly memory/,
  },
  {
    // `at < end` with an end of 32 bits: behind the last byte of 4 GiB that is 0, and nothing is looked at.
    broken: wrongInWasm('end-of-32-bits', ({ memory, offsets, count }, whole, isZero, pageSize) => {
      for (let i = 0; i < count; i++) {
        const at = memory.byteOffset + (offsets[i] ?? 0);
        const end = (at + pageSize) >>> 0;
        isZero[i] = end <= at || rightAnswer(whole, at, pageSize) ? 1 : 0;
      }
    }),
    seenBy: /4 GiB of WebAssembly memory/,
  },
  {
    broken: accelerator('writes-again-much-later', (pageSize) => ({
      async detect(batch, isZero) {
        const right = rightAnswers(batch, pageSize);
        isZero.set(right);
        void wait(100).then(() => isZero.set(right));
      },
      close() {},
    })),
    seenBy: /nothing is written later/,
  },
  {
    broken: accelerator('page-size-of-the-last', (pageSize) => {
      lastPageSize = pageSize;
      return {
        detect(batch, isZero) {
          isZero.set(rightAnswers(batch, lastPageSize));
        },
        close() {},
      };
    }),
    seenBy: /two page sizes/,
  },
  {
    broken: accelerator('close-resets-the-device', (pageSize) => ({
      async detect(batch, isZero) {
        const before = resets;
        await wait(1);
        if (resets !== before) throw new Error('the device was reset');
        isZero.set(rightAnswers(batch, pageSize));
      },
      close() {
        resets++;
      },
    })),
    seenBy: /while another is at work/,
  },
  {
    broken: folds('adds-up-64', words64, (sum = 0n, next) => BigInt.asUintN(64, sum + next)),
    seenBy: NUMBERS,
  },
  { broken: folds('adds-up-32', words32, (sum = 0, next) => (sum + next) >>> 0), seenBy: NUMBERS },
  { broken: folds('adds-up-16', words16, (sum = 0, next) => (sum + next) & 0xffff), seenBy: NUMBERS },
  { broken: folds('exclusive-or', words64, (sum = 0n, next) => sum ^ next), seenBy: NUMBERS },
  { broken: folds('a-bit-too-few', words16, (sum = 0, next) => (sum | next) & 0xbfff), seenBy: NUMBERS },
  {
    // A device that looks for pages that are the same, as those do that deduplicate.
    broken: accelerator('equal-neighbours', (pageSize) => ({
      detect(batch, isZero) {
        const { memory, offsets } = batch;
        const page = (i: number) => memory.slice(offsets[i] ?? 0, (offsets[i] ?? 0) + pageSize);
        isZero.set(
          rightAnswers(batch, pageSize).map((answer, i) =>
            i > 0 && Buffer.compare(page(i), page(i - 1)) === 0 ? 1 : answer,
          ),
        );
      },
      close() {},
    })),
    seenBy: /other memory at the same offsets/,
  },
];

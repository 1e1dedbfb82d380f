/** Accelerators that look right and answer wrong: too early, too late, too much, in the wrong place. */
import { setTimeout as wait } from 'node:timers/promises';
import { runInNewContext } from 'node:vm';
import type { Accelerator, Detector } from '@multifd/core/accelerator';
import { accelerator, rightAnswers } from './make.js';

export const misanswering: readonly Accelerator[] = [
  synchronous('swaps-neighbours', (right) => right.map((answer, i) => right[i ^ 1] ?? answer)),
  synchronous('first-64-only', (right) => right.subarray(0, 64)),
  synchronous('whole-fours-only', (right) => right.subarray(0, right.length & -4)),
  accelerator('writes-zeros-only', (pageSize) => ({
    detect(batch, isZero) {
      rightAnswers(batch, pageSize).forEach((answer, i) => {
        if (answer === 0) isZero[i] = 0;
      });
    },
    close() {},
  })),
  accelerator('writes-ones-only', (pageSize) => ({
    detect(batch, isZero) {
      rightAnswers(batch, pageSize).forEach((answer, i) => {
        if (answer === 1) isZero[i] = 1;
      });
    },
    close() {},
  })),
  synchronous('true-is-255', (right) => right.map((answer) => -answer)),
  accelerator('writes-beyond', (pageSize) => ({
    detect(batch, isZero) {
      isZero.set(rightAnswers(batch, pageSize));
      new Uint8Array(isZero.buffer, isZero.byteOffset)[batch.count] = 1;
    },
    close() {},
  })),
  accelerator('ignores-where-the-result-starts', (pageSize) => ({
    detect(batch, isZero) {
      new Uint8Array(isZero.buffer).set(rightAnswers(batch, pageSize));
    },
    close() {},
  })),
  accelerator('fails-on-empty', (pageSize) => ({
    detect(batch, isZero) {
      if (batch.count === 0) throw new Error('nothing to do');
      isZero.set(rightAnswers(batch, pageSize));
    },
    close() {},
  })),
  accelerator('answers-too-early', (pageSize) => ({
    async detect(batch, isZero) {
      late(1, () => isZero.set(rightAnswers(batch, pageSize)));
    },
    close() {},
  })),
  accelerator('looks-later', (pageSize) => ({
    async detect(batch, isZero) {
      isZero.set(rightAnswers(batch, pageSize));
      late(5, () => isZero.set(rightAnswers(batch, pageSize)));
    },
    close() {},
  })),
  accelerator('hangs', () => ({ detect: () => new Promise(() => {}), close() {} })),
  accelerator('hangs-otherwise', () => ({ detect: () => foreverPending(), close() {} })),
  accelerator('throws-now-and-then', (pageSize) => {
    let calls = 0;
    return {
      detect(batch, isZero) {
        if (++calls === 7) throw new Error('device lost');
        isZero.set(rightAnswers(batch, pageSize));
      },
      close() {},
    };
  }),
  accelerator('reuses-last-answer', (pageSize) => {
    let last: { offsets: string; answers: Uint8Array } | undefined;
    return {
      detect(batch, isZero) {
        const offsets = batch.offsets.subarray(0, batch.count).join();
        if (last?.offsets !== offsets) last = { offsets, answers: rightAnswers(batch, pageSize) };
        isZero.set(last.answers);
      },
      close() {},
    };
  }),
  accelerator('remembers-memory', (pageSize) => {
    const known = new WeakMap<Uint8Array, Uint8Array>();
    return {
      detect(batch, isZero) {
        const answers = known.get(batch.memory) ?? rightAnswers(batch, pageSize);
        known.set(batch.memory, answers);
        isZero.set(answers.subarray(0, batch.count));
      },
      close() {},
    };
  }),
  accelerator('writes-its-input', (pageSize) => ({
    detect(batch, isZero) {
      isZero.set(rightAnswers(batch, pageSize));
      const first = batch.offsets[0];
      if (first !== undefined) batch.memory[first + pageSize - 1] = 0;
    },
    close() {},
  })),
  accelerator('sorts-its-offsets', (pageSize) => ({
    detect(batch, isZero) {
      batch.offsets.subarray(0, batch.count).sort();
      isZero.set(rightAnswers(batch, pageSize));
    },
    close() {},
  })),
  accelerator('answers-in-order-of-address', (pageSize) => ({
    detect(batch, isZero) {
      const offsets = batch.offsets.slice(0, batch.count).sort();
      isZero.set(rightAnswers({ ...batch, offsets }, pageSize));
    },
    close() {},
  })),
  accelerator('forgets-where-wasm-memory-starts', (pageSize) => ({
    detect(batch, isZero) {
      const { wasmMemory, memory } = batch;
      isZero.set(
        rightAnswers({ ...batch, memory: wasmMemory ? new Uint8Array(wasmMemory.buffer) : memory }, pageSize),
      );
    },
    close() {},
  })),
];

/** A promise of another realm: no `Promise` of this one, but `await` would wait for it, and for ever. */
function foreverPending(): Promise<void> {
  return runInNewContext('new Promise(() => {})');
}

/** By then the caller may have put anything into its buffers: what comes of that is the suite's to notice. */
function late(ms: number, work: () => void): void {
  void wait(ms)
    .then(work)
    .catch(() => {});
}

function synchronous(name: string, change: (right: Uint8Array) => Uint8Array): Accelerator {
  return accelerator(
    name,
    (pageSize): Detector => ({
      detect(batch, isZero) {
        isZero.set(change(rightAnswers(batch, pageSize)));
      },
      close() {},
    }),
  );
}

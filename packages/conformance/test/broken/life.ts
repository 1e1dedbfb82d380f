/** Accelerators that probe, open, share or close wrongly. */
import { setTimeout as wait } from 'node:timers/promises';
import type { Accelerator, PageBatch } from '@multifd/core/accelerator';
import { accelerator, CAPABILITIES, rightAnswers } from './make.js';

const right = (pageSize: number) => ({
  detect(batch: PageBatch, isZero: Uint8Array) {
    isZero.set(rightAnswers(batch, pageSize));
  },
  close() {},
});

/** A device that all detectors share, as one that was written for a single thread would. */
let sharedBatch: PageBatch | undefined;
let sharedOpen = 0;

export const misbehaving: readonly Accelerator[] = [
  accelerator('says-nothing-of-why', right, { probe: () => ({ ok: false, reason: '', fix: '' }) }),
  accelerator('has-no-fix', right, { probe: () => ({ ok: false, reason: 'no device', fix: ' ' }) }),
  accelerator('changes-its-mind', right, {
    probe: (() => {
      let asked = 0;
      return () =>
        asked++ === 0
          ? ({ ok: true, detail: 'runs here' } as const)
          : ({ ok: false, reason: 'asked before', fix: 'do not ask twice' } as const);
    })(),
  }),
  accelerator('Has A Name', right),
  accelerator('likes-no-pages', right, { capabilities: { ...CAPABILITIES, preferredBatch: 0 } }),
  accelerator('odd-page-sizes', right, {
    capabilities: { ...CAPABILITIES, pageSize: { min: 4096, max: 65535 } },
  }),
  accelerator('cannot-open', () => {
    throw new Error('no memory on the device');
  }),
  accelerator('shares-its-batch', (pageSize) => ({
    async detect(batch, isZero) {
      sharedBatch = batch;
      await wait(0);
      isZero.set(rightAnswers(sharedBatch, pageSize));
    },
    close() {},
  })),
  accelerator('closes-for-all', (pageSize) => {
    sharedOpen = 1;
    return {
      detect(batch, isZero) {
        if (sharedOpen === 0) throw new Error('closed');
        isZero.set(rightAnswers(batch, pageSize));
      },
      close() {
        sharedOpen = 0;
      },
    };
  }),
  accelerator('closes-once', (pageSize) => {
    let open = true;
    return {
      ...right(pageSize),
      close() {
        if (!open) throw new Error('closed already');
        open = false;
      },
    };
  }),
  accelerator(
    'runs-out',
    (() => {
      let opened = 0;
      return (pageSize: number) => {
        if (++opened > 60) throw new Error('no more contexts');
        return right(pageSize);
      };
    })(),
  ),
];

/**
 * Accelerators that are right where they were probed, and not in the threads of a migration. These are imported by
 * threads that know no more of TypeScript than Node does, so that only types may be imported here.
 */
import { closeSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isMainThread } from 'node:worker_threads';
import type { Accelerator, Detector, PageBatch } from '@multifd/core/accelerator';

const zeros = Buffer.alloc(65536);

const right = (pageSize: number): Detector => ({
  detect({ memory, offsets, count }: PageBatch, isZero: Uint8Array) {
    for (let i = 0; i < count; i++) {
      const at = offsets[i] ?? 0;
      isZero[i] = Number(zeros.compare(memory, at, at + pageSize, 0, pageSize) === 0);
    }
  },
  close() {},
});

const make = (name: string, open: (pageSize: number) => Detector): Accelerator => ({
  specVersion: 2,
  name,
  capabilities: { pageSize: { min: 4096, max: 65536 }, preferredBatch: 128 },
  probe: () => ({ ok: true, detail: 'runs in this test' }),
  open: ({ pageSize }) => open(pageSize),
});

const lock = join(tmpdir(), `multifd-conformance-${process.pid}.lock`);

export const reference = make('right-in-threads', right);

export const inThreads: readonly Accelerator[] = [
  make('main-thread-only', (pageSize) => {
    if (!isMainThread) throw new Error('this addon was loaded already');
    return right(pageSize);
  }),
  make('wrong-in-threads', (pageSize) =>
    isMainThread
      ? right(pageSize)
      : { ...right(pageSize), detect: ({ count }, isZero) => void isZero.fill(1, 0, count) },
  ),
  make('hangs-in-threads', (pageSize) =>
    isMainThread ? right(pageSize) : { ...right(pageSize), detect: () => new Promise(() => {}) },
  ),
  make('ends-its-thread', (pageSize) =>
    isMainThread ? right(pageSize) : { ...right(pageSize), detect: () => process.exit(0) },
  ),
  // A device that one process may open once, and that says so.
  make('one-at-a-time', (pageSize) => {
    if (isMainThread) return right(pageSize);
    closeSync(openSync(lock, 'wx'));
    return { ...right(pageSize), close: () => rmSync(lock, { force: true }) };
  }),
];

/** What the threads look for. */
export const accelerators: readonly Accelerator[] = [reference, ...inThreads];

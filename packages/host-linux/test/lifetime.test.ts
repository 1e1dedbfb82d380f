import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { describe, expect, test } from 'vitest';
import { hostBlocks, mapRam } from '../src/index.js';
import { requireBinding } from '../src/load.js';
import { built, held } from './support/addon.js';
import { collectUntil } from './support/gc.js';
import { bytesOf, MIB, openRam, optionsOf, PAGE, sparseFile } from './support/memory.js';

const HOLDER = new URL('./fixtures/holder.mjs', import.meta.url);

/** How many pieces of this process's memory are of that file. */
const piecesOf = (file: string): number => readFileSync('/proc/self/maps', 'utf8').split(file).length - 1;

describe.skipIf(!built)('a mapping', () => {
  test('stays as long as a worker has it, closed as it may be elsewhere', async () => {
    const file = sparseFile(MIB);
    const ram = mapRam({ kind: 'file', name: 'pc.ram', length: MIB, file });
    const worker = new Worker(HOLDER, { workerData: { descriptor: ram.descriptor } });
    expect(await once(worker, 'message')).toEqual(['open']);
    ram.close();
    ram.close();
    expect(() => hostBlocks.open(ram.descriptor)).toThrow(/no guest memory/);
    worker.postMessage('look');
    expect(await once(worker, 'message')).toEqual([[42, 1, PAGE]]);
    worker.postMessage('close');
    await once(worker, 'message');
    // The worker's view is still there, until the worker ends.
    expect(piecesOf(file)).toBe(1);
    worker.postMessage('end');
    await once(worker, 'exit');
    await collectUntil(() => piecesOf(file) === 0);
  });

  test('goes when a worker ends that has it open', async () => {
    const file = sparseFile(MIB);
    const ram = mapRam({ kind: 'file', name: 'pc.ram', length: MIB, file });
    const workers = [0, 1, 2].map(() => new Worker(HOLDER, { workerData: { descriptor: ram.descriptor } }));
    await Promise.all(workers.map((worker) => once(worker, 'message')));
    ram.close();
    expect(piecesOf(file)).toBe(1);
    const [first, second, third] = workers;
    await first?.terminate();
    second?.postMessage('end');
    await (second && once(second, 'exit'));
    expect(piecesOf(file)).toBe(1);
    await third?.terminate();
    await collectUntil(() => piecesOf(file) === 0);
  });

  test('stays as long as somebody has a view of it', async () => {
    const before = held();
    let view: Uint8Array | undefined;
    const { block, close } = openRam(optionsOf('anon', MIB));
    view = bytesOf(block, PAGE, PAGE);
    view[0] = 1;
    close();
    expect(() => bytesOf(block, 0, PAGE)).toThrow(/closed/);
    expect(() => block.absent(0, PAGE)).toThrow(/closed/);
    await collectUntil(() => held().mappings === before.mappings);
    expect(held().buffers).toBeGreaterThan(0);
    expect(view[0]).toBe(1);
    view = undefined;
    await collectUntil(() => held().buffers <= before.buffers);
  });

  test('that one thread opens often is one buffer there', () => {
    const { ram, block, close } = openRam(optionsOf('anon', MIB));
    const again = hostBlocks.open(ram.descriptor);
    expect(bytesOf(again, 0, PAGE).buffer).toBe(bytesOf(block, 0, PAGE).buffer);
    again.close();
    expect(bytesOf(block, 0, PAGE).length).toBe(PAGE);
    close();
  });

  test('may be in several buffers of one thread all the same', async () => {
    const before = held();
    const binding = requireBinding();
    const number = binding.mapMemory({ name: 'a', length: MIB, kind: 'anon' });
    let views = Array.from({ length: 20 }, () => {
      const memory = new binding.Memory(number);
      const view = new Uint8Array(memory.view(0, MIB));
      memory.close();
      return view;
    });
    for (const [index, view] of views.entries()) view[index] = 1;
    expect(views[0]?.subarray(0, 20)).toEqual(new Uint8Array(20).fill(1));
    binding.unmapMemory(number);
    views = views.slice(19);
    await collectUntil(() => held().buffers <= before.buffers + 1);
    expect(views[0]?.[19]).toBe(1);
    views = [];
    await collectUntil(() => held().buffers <= before.buffers);
  });
});

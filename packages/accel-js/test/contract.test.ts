import { expect, test } from 'vitest';
import { accelerators } from '../src/index.js';
import { detectAll, js, openDetector, randomNumbers, seed } from './helpers.js';

const PAGE = 4096;
const BATCH = js.capabilities.preferredBatch;

test('the module offers one accelerator, js, that says yes to its probe', async () => {
  expect(accelerators.map(({ name, specVersion }) => [name, specVersion])).toEqual([['js', 2]]);
  expect(js.capabilities.pageSize).toEqual({ min: 4096, max: 65536 });
  expect(await js.probe({})).toEqual({ ok: true, detail: expect.stringContaining('Buffer.compare') });
});

test.each([0, 1, 2048, 4095, 6144, 131072, -4096, Number.NaN, Number.POSITIVE_INFINITY])(
  'page size %d is refused by name',
  (pageSize) => {
    expect(() => js.open({ pageSize, settings: {} })).toThrow(/accelerator js: page size/);
  },
);

test.each([0, 1, 63, 64, 65, 127, 128, BATCH])(
  'a batch of %i is answered in full and nothing beyond it is touched',
  async (count) => {
    const detector = await openDetector(PAGE);
    const memory = new Uint8Array(new SharedArrayBuffer((count + 1) * PAGE));
    const offsets = Array.from({ length: count }, (_, i) => i * PAGE);
    const isUsed = (i: number) => i % 3 === 1;
    // A different non-zero byte at a different place in each used page.
    for (let i = 0; i < count; i++) if (isUsed(i)) memory[i * PAGE + ((i * 97) % PAGE)] = 1 + (i % 255);
    const wanted = offsets.map((_, i) => (isUsed(i) ? 0 : 1));
    expect(await detectAll(detector, memory, offsets, 5)).toEqual([...wanted, 7, 7, 7, 7, 7]);
  },
);

test(`pages all different, out of order, with gaps and repeats (MULTIFD_SEED=${seed})`, async () => {
  const random = randomNumbers(seed);
  const detector = await openDetector(PAGE);
  const pages = 300;
  const memory = new Uint8Array(new SharedArrayBuffer(pages * PAGE));
  for (let page = 0; page < pages; page++) {
    if (page % 2 === 0) for (let i = 0; i < PAGE; i++) memory[page * PAGE + i] = random(256);
  }
  const chosen = Array.from({ length: BATCH }, () => random(pages));
  const answers = await detectAll(
    detector,
    memory,
    chosen.map((page) => page * PAGE),
  );
  expect(answers).toEqual(chosen.map((page) => page % 2));
});

test('a page that changed is answered anew, and so is other memory', async () => {
  const detector = await openDetector(PAGE);
  const memory = new Uint8Array(2 * PAGE);
  expect(await detectAll(detector, memory, [0, PAGE])).toEqual([1, 1]);
  memory[PAGE - 1] = 1;
  expect(await detectAll(detector, memory, [0, PAGE])).toEqual([0, 1]);
  memory[PAGE - 1] = 0;
  memory[PAGE] = 1;
  expect(await detectAll(detector, memory, [0, PAGE])).toEqual([1, 0]);
  expect(await detectAll(detector, new Uint8Array(2 * PAGE), [0, PAGE])).toEqual([1, 1]);
  expect(await detectAll(detector, new Uint8Array(2 * PAGE).fill(1), [PAGE, 0])).toEqual([0, 0]);
  expect(await detectAll(detector, memory, [0, PAGE])).toEqual([1, 0]);
});

test('the input is not written to', async () => {
  const detector = await openDetector(PAGE);
  const memory = new Uint8Array(new SharedArrayBuffer(64 * PAGE));
  for (let i = 0; i < 32 * PAGE; i++) memory[i] = i % 251;
  const memoryBefore = memory.slice();
  const offsets = Float64Array.from({ length: 64 }, (_, i) => (63 - i) * PAGE);
  const offsetsBefore = offsets.slice();
  await detector.detect({ memory, offsets, count: 64 }, new Uint8Array(64));
  expect(Buffer.compare(memory, memoryBefore)).toBe(0);
  expect(offsets).toEqual(offsetsBefore);
});

test('an offset without a whole page behind it is an error, not an answer', async () => {
  const detector = await openDetector(PAGE);
  const memory = new Uint8Array(2 * PAGE);
  for (const offset of [PAGE + 1, 2 * PAGE, -PAGE]) {
    await expect(detectAll(detector, memory, [offset]), `offset ${offset}`).rejects.toThrow(RangeError);
  }
});

test('close may be called twice, and other detectors go on', async () => {
  const [first, second] = [await openDetector(PAGE), await openDetector(2 * PAGE)];
  await first.close();
  await first.close();
  expect(await detectAll(second, new Uint8Array(2 * PAGE), [0])).toEqual([1]);
  await second.close();
});

import { describe, expect, it } from 'vitest';
import { MultifdError } from '../../src/errors.js';
import type { Accelerator } from '../../src/zero/accelerator.js';
import type { PageBatch } from '../../src/zero/detector.js';
import { loadAccelerator } from '../../src/zero/load.js';
import { OpenDetector } from '../../src/zero/open-detector.js';
import { PageChecker } from '../../src/zero/page-checker.js';
import { broken, PLAIN } from '../support/fixtures.js';

const PAGE = 4096;

/** 40 pages, every third with a byte in it. */
function somePages(): { memory: Uint8Array; offsets: Float64Array; expected: number[] } {
  const memory = new Uint8Array(40 * PAGE);
  const offsets = Float64Array.from({ length: 40 }, (_, index) => ((index * 7) % 40) * PAGE);
  for (let page = 0; page < 40; page += 3) memory[page * PAGE + ((page * 101) % PAGE)] = 1;
  return { memory, offsets, expected: Array.from(offsets, (offset) => ((offset / PAGE) % 3 === 0 ? 0 : 1)) };
}

async function failure(work: Promise<unknown>): Promise<MultifdError> {
  const error: unknown = await work.then(
    () => new Error('it did not fail'),
    (cause: unknown) => cause,
  );
  if (!MultifdError.is(error)) throw error;
  expect(error.message).not.toMatch(/\n/);
  return error;
}

describe('OpenDetector', () => {
  const CAPABILITIES = { pageSize: { min: PAGE, max: PAGE }, preferredBatch: 4, inFlight: 2 };
  const BLOCKS = [
    {
      name: 'ram',
      length: PAGE,
      kind: 'memory' as const,
      pieces: [new Uint8Array(new SharedArrayBuffer(PAGE))],
    },
  ];
  const base: Omit<Accelerator, 'open'> = {
    specVersion: 2,
    name: 'late',
    capabilities: CAPABILITIES,
    probe: () => ({ ok: true, detail: 'in this test' }),
  };

  it('does not detach while an answer is late: the device may still read', async () => {
    const calls: string[] = [];
    let answer = (): void => {};
    const accelerator: Accelerator = {
      ...base,
      open: () => ({
        attach: () => void calls.push('attach'),
        detach: () => void calls.push('detach'),
        detect: () =>
          new Promise<void>((resolve) => {
            calls.push('detect');
            answer = resolve;
          }),
        close: () => void calls.push('close'),
      }),
    };
    const detector = await OpenDetector.open(accelerator, PAGE, 20, { blocks: BLOCKS });
    const batch = { memory: new Uint8Array(PAGE), offsets: new Float64Array(1), count: 1 };
    const asked = [1, 2, 3].map(() => failure(detector.detect(batch, new Uint8Array(1))));
    for (const error of await Promise.all(asked)) expect(error.message).toMatch(/gave no answer/);
    // Two are with the device; the third waited for a slot, and is not begun beside them.
    expect(calls).toEqual(['attach', 'detect', 'detect']);
    await detector.close();
    expect(calls.slice(3)).toEqual(['close']);
    answer();
  });

  it('closes what it refuses', async () => {
    let closed = 0;
    const accelerator: Accelerator = {
      ...base,
      open: () => ({ inFlight: 9, detect: () => {}, close: () => void closed++ }),
    };
    const error = await failure(OpenDetector.open(accelerator, PAGE, 1000, {}));
    expect(error.message).toMatch(/inFlight is 9/);
    expect(closed).toBe(1);
  });
});

describe('PageChecker', () => {
  it.each(['plain', 'batch-of-one', 'batch-of-seven', 'async'])('gives right answers: %s', async (name) => {
    const checker = await PageChecker.open(await loadAccelerator({ ...PLAIN, name }), PAGE, 1000);
    const { memory, offsets, expected } = somePages();
    const answers = new Uint8Array(50).fill(7);
    for (const count of [40, 39, 7, 1, 0]) {
      answers.fill(7);
      await checker.check(memory, offsets, count, answers);
      expect(Array.from(answers.subarray(0, count))).toEqual(expected.slice(0, count));
      expect(answers.subarray(count).every((answer) => answer === 7)).toBe(true);
    }
    await checker.close();
  });

  it('hands over batches of the size that the accelerator likes, and never more', async () => {
    const sizes: number[] = [];
    const base = await loadAccelerator(PLAIN);
    const counting: Accelerator = {
      ...base,
      capabilities: { pageSize: { min: PAGE, max: PAGE }, preferredBatch: 16 },
      open: () => ({
        detect(batch: PageBatch, isZero: Uint8Array) {
          sizes.push(batch.count);
          isZero.fill(1, 0, batch.count);
        },
        close() {},
      }),
    };
    const checker = await PageChecker.open(counting, PAGE, 1000);
    const { memory, offsets } = somePages();
    await checker.check(memory, offsets, 40, new Uint8Array(40));
    expect(sizes).toEqual([16, 16, 8]);
  });

  it.each([
    ['throws', /accelerator throws failed: device lost/],
    ['rejects', /accelerator rejects failed: device lost/],
    ['throws-no-error', /failed: a plain string/],
    ['never-answers', /gave no answer within 200 ms/],
    ['leaves-a-page', /left a page unanswered/],
    ['answers-two', /answered 2 for a page/],
  ])('%s at a later batch', async (name, says) => {
    const checker = await PageChecker.open(await loadAccelerator(broken(name)), PAGE, 200);
    const { memory, offsets } = somePages();
    // Three batches of 16 are right.
    await checker.check(memory, offsets, 40, new Uint8Array(40));
    const error = await failure(checker.check(memory, offsets, 40, new Uint8Array(40)));
    expect(error.code).toBe('accelerator');
    expect(error.message).toMatch(says);
    if (/a page/.test(error.message)) expect(error.hint).toContain('@multifd/conformance');
  });

  it('cannot be opened', async () => {
    const error = await failure(PageChecker.open(await loadAccelerator(broken('throws-in-open')), PAGE, 200));
    expect(error.code).toBe('accelerator');
    expect(error.message).toMatch(/throws-in-open could not be opened: no such device/);
  });

  it.each([2048, 131072])('pages of %i bytes are not its own', async (pageSize) => {
    const error = await failure(PageChecker.open(await loadAccelerator(PLAIN), pageSize, 200));
    expect(error.code).toBe('accelerator-unavailable');
    expect(error.message).toMatch(/4096 to 65536/);
  });
});

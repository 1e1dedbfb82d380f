import { describe, expect, test } from 'vitest';
import { inThreads, reference } from './broken/threads.js';
import { outcomes } from './helpers.js';

const IN_THREADS = /three threads at once(?!, with what they share)/;
const module = new URL('./broken/threads.ts', import.meta.url).href;

describe('right in its own thread, wrong in others', () => {
  for (const broken of inThreads) {
    test(`${broken.name} is caught, by that case alone`, async () => {
      const ended = await outcomes(broken, { module, timeout: 1500 }, /^(?!.*while the guest writes)/);
      const failed = ended.filter(({ outcome }) => outcome === 'failed').map(({ name }) => name);
      expect(failed).toEqual([expect.stringMatching(IN_THREADS)]);
    });
  }

  test('right in all of them', async () => {
    expect((await outcomes(reference, { module }, IN_THREADS)).map(({ outcome }) => outcome)).toEqual([
      'passed',
    ]);
  });

  test('without its module that case is skipped, with the reason', async () => {
    expect(await outcomes(reference, {}, IN_THREADS)).toEqual([
      expect.objectContaining({
        outcome: 'skipped',
        name: expect.stringContaining('was not told its module'),
      }),
    ]);
  });
});

import { expect, test } from 'vitest';
import { accelerator, rightAnswers } from './broken/make.js';
import { outcomes } from './helpers.js';

test('of a detector that fails in the middle, none stays open: its threads would keep the run from ending', async () => {
  const open = new Set<object>();
  const failing = accelerator('fails-at-times', (pageSize) => {
    const id = {};
    let calls = 0;
    open.add(id);
    return {
      async detect(batch, isZero) {
        calls++;
        if (calls === 3) throw new Error('boom');
        isZero.set(rightAnswers(batch, pageSize));
      },
      close() {
        open.delete(id);
      },
    };
  });
  const ended = await outcomes(failing, {}, /^(?!.*while the guest writes)/);
  expect(ended.filter(({ outcome }) => outcome === 'failed').length).toBeGreaterThan(5);
  expect(open.size).toBe(0);
});

import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { Processor } from '../../src/guest/processor.js';

function counted(stop: () => Promise<void> = async () => {}) {
  const calls: string[] = [];
  const processor = new Processor(
    () => void calls.push('run'),
    async () => {
      calls.push('stop');
      await stop();
    },
  );
  return { processor, calls };
}

it('runs while nobody holds it, whoever lets go last', async () => {
  const { processor, calls } = counted();
  await processor.hold('operator');
  await processor.release('start');
  expect([processor.runs, calls]).toEqual([false, []]);
  await processor.release('operator');
  expect(processor.runs).toBe(true);
  await processor.hold('operator');
  await processor.hold('migration');
  // A migration that fails gives the guest back, but not against the operator.
  await processor.release('migration');
  expect(processor.runs).toBe(false);
  await processor.release('operator');
  expect(calls).toEqual(['run', 'stop', 'run']);
});

it('what is asked for at once is done in turn, and never twice', async () => {
  const { processor, calls } = counted(() => delay(5));
  await processor.release('start');
  await Promise.all([
    processor.hold('operator'),
    processor.hold('migration'),
    processor.release('operator'),
    processor.release('migration'),
    processor.hold('operator'),
  ]);
  expect([processor.runs, calls.filter((call, index) => call === calls[index - 1])]).toEqual([false, []]);
});

it('a processor that cannot be stopped runs, and whoever asked hears of it', async () => {
  let fails = true;
  const { processor } = counted(async () => {
    if (fails) throw new Error('it hangs');
  });
  await processor.release('start');
  await expect(processor.hold('migration')).rejects.toThrow('it hangs');
  expect(processor.runs).toBe(true);
  fails = false;
  await processor.hold('operator');
  expect(processor.runs).toBe(false);
});

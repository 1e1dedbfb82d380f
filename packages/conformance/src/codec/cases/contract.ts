import assert from 'node:assert/strict';
import type { Probe } from '@multifd/core/accelerator';
import { faultOfMethod } from '@multifd/core/codec';
import { inTime } from '../../in-time.js';
import { oneLine } from '../../one-line.js';
import { type CodecCase, type CodecContext, defineCase, mostPages, PAGE_SIZES } from '../case.js';
import { TestChannel } from '../channel.js';

/** Asked of every codec, also of one that cannot run here. */
function always(name: string, run: (context: CodecContext) => Promise<void>): CodecCase {
  return { name, random: false, skipped: () => undefined, run };
}

export const contractCases: readonly CodecCase[] = [
  always('says what it is, with a flag that is its own', async ({ method }) => {
    assert.equal(method.specVersion, 1, 'specVersion');
    assert.match(method.name, /^[a-z0-9][a-z0-9-]*$/, 'name');
    const fault = faultOfMethod(method);
    assert.equal(fault, undefined, `core refuses ${method.name}: ${fault}`);
  }),

  always('probe says what would run, or why not and what to do', async ({ probe }) => {
    if (probe.ok) oneLine('detail', probe.detail);
    else {
      oneLine('reason', probe.reason);
      oneLine('fix', probe.fix);
    }
  }),

  always('probe may be asked again, also by many at once', async ({ method, probe, timeout }) => {
    const ask = async (): Promise<Probe> => inTime(method.probe(), timeout, 'probe');
    for (const again of await Promise.all([ask(), ask(), ask()])) {
      assert.equal(again.ok, probe.ok, 'another answer than before');
    }
  }),

  defineCase('a payload is bounded: at most four times as long as its pages', async (context) => {
    for (const pageSize of PAGE_SIZES) {
      const channel = await TestChannel.open({ ...context, pageSize });
      for (const count of [1, mostPages(pageSize)]) {
        const most = channel.maxPayload(count);
        assert.ok(
          most >= 1 && most <= 4 * count * pageSize,
          `maxPayload(${count}) is ${most}, for ${count * pageSize} bytes of pages`,
        );
      }
      await channel.close();
    }
  }),
];

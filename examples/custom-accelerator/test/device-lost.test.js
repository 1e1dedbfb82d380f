import assert from 'node:assert/strict';
import { test } from 'node:test';
import { accelerators } from '../src/index.js';

const PAGE = 4096;

test('a device that is lost midway costs no page', async (t) => {
  process.env.EXAMPLE_DEVICE = 'lost';
  t.after(() => delete process.env.EXAMPLE_DEVICE);
  const detector = await accelerators[0].open({ pageSize: PAGE });
  const memory = new Uint8Array(4 * PAGE);
  memory[2 * PAGE - 1] = 1;
  for (let round = 0; round < 3; round++) {
    const isZero = new Uint8Array(4);
    await detector.detect(
      { memory, offsets: Float64Array.of(0, PAGE, 2 * PAGE, 3 * PAGE), count: 4 },
      isZero,
    );
    assert.deepEqual([...isZero], [1, 0, 1, 1]);
  }
});

test('without a device the probe says so, and what to do', (t) => {
  process.env.EXAMPLE_DEVICE = 'none';
  t.after(() => delete process.env.EXAMPLE_DEVICE);
  const probe = accelerators[0].probe();
  assert.equal(probe.ok, false);
  assert.match(probe.reason, /example0/);
  assert.match(probe.fix, /modprobe/);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { accelerators } from '../src/index.js';

const PAGE = 4096;

test('a device that is lost midway costs no page', async (t) => {
  process.env.EXAMPLE_DEVICE = 'lost';
  t.after(() => delete process.env.EXAMPLE_DEVICE);
  const detector = await accelerators[0].open({ pageSize: PAGE, settings: { depth: 256 } });
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
  // The first batch too: the device was lost with it.
  assert.deepEqual(detector.counters().device + detector.counters().cpuAfterFault, 12);
  assert.ok(detector.counters().cpuAfterFault >= 8);
});

test('without a device the probe says so, and what to do', (t) => {
  process.env.EXAMPLE_DEVICE = 'none';
  t.after(() => delete process.env.EXAMPLE_DEVICE);
  const probe = accelerators[0].probe({ depth: 256 });
  assert.equal(probe.ok, false);
  assert.match(probe.reason, /example0/);
  assert.match(probe.fix, /modprobe/);
  assert.deepEqual(
    accelerators[0].list().map(({ id, usable }) => ({ id, usable })),
    [{ id: 'example0', usable: false }],
  );
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { accelerators } from '../index.js';

const PAGE = 4096;
const [accelerator] = accelerators;

async function check(faultEvery, attaches) {
  const detector = await accelerator.open({
    pageSize: PAGE,
    settings: { depth: 1, 'fault-every': faultEvery },
  });
  const memory = new Uint8Array(new SharedArrayBuffer(8 * PAGE));
  // Behind where the device stops, and before.
  memory[2 * PAGE - 1] = 1;
  memory[2 * PAGE] = 1;
  if (attaches)
    detector.attach([{ name: 'pc.ram', length: memory.length, kind: 'memory', pieces: [memory] }]);
  const isZero = new Uint8Array(8);
  const offsets = Float64Array.from({ length: 8 }, (_, page) => page * PAGE);
  await detector.detect({ memory, offsets, count: 8 }, isZero);
  assert.deepEqual([...isZero], [1, 0, 0, 1, 1, 1, 1, 1]);
  const { device, cpuAfterFault } = detector.counters();
  detector.detach();
  await detector.close();
  return { device, cpuAfterFault };
}

test('the device answers for memory that was announced', async () => {
  assert.deepEqual(await check(0, true), { device: 8, cpuAfterFault: 0 });
});

test('where it stops in a page, the CPU goes on, and that is counted', async () => {
  assert.deepEqual(await check(2, true), { device: 4, cpuAfterFault: 4 });
});

test('memory that was not announced is for the CPU', async () => {
  assert.deepEqual(await check(0, false), { device: 0, cpuAfterFault: 8 });
});

test('calls in flight are rejected by close, which waits for the device', async () => {
  const detector = await accelerator.open({ pageSize: PAGE, settings: { depth: 1, 'fault-every': 0 } });
  const memory = new Uint8Array(new SharedArrayBuffer(1024 * PAGE));
  const offsets = Float64Array.from({ length: 1024 }, (_, page) => page * PAGE);
  const isZero = new Uint8Array(1024).fill(7);
  const asked = assert.rejects(detector.detect({ memory, offsets, count: 1024 }, isZero), /was closed/);
  await detector.close();
  await asked;
  assert.ok(isZero.every((answer) => answer === 7));
});

test('an offset without a page behind it is refused, and nothing is read there', async () => {
  const detector = await accelerator.open({ pageSize: PAGE, settings: { depth: 1, 'fault-every': 0 } });
  const memory = new Uint8Array(new SharedArrayBuffer(PAGE));
  for (const offset of [1, -PAGE, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY, 0.5]) {
    const batch = { memory, offsets: Float64Array.of(offset), count: 1 };
    await assert.rejects(detector.detect(batch, new Uint8Array(1)), /no whole page there/);
  }
  await assert.rejects(
    detector.detect({ memory, offsets: Float64Array.of(), count: 1 }, new Uint8Array(1)),
    /1 pages/,
  );
  await detector.close();
});

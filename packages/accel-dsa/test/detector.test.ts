import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { accelerators as faulty } from '../src/faulty.js';
import { accelerators } from '../src/index.js';
import { built, FAULTY } from './support/addon.js';

const PAGE = 4096;
const COUNT = 1000;

async function open(name: string) {
  const accelerator = [...accelerators, ...faulty].find((each) => each.name === name);
  if (accelerator === undefined) throw new Error(`no ${name}`);
  return accelerator.open({ pageSize: PAGE, settings: {} });
}

/** Every third page has one byte. */
function batch() {
  const memory = new Uint8Array(COUNT * PAGE);
  const offsets = Float64Array.from({ length: COUNT }, (_, page) => page * PAGE);
  const wanted = Uint8Array.from({ length: COUNT }, (_, page) => (page % 3 === 0 ? 0 : 1));
  for (let page = 0; page < COUNT; page += 3) memory[page * PAGE + ((page * 37) % PAGE)] = 1;
  return { memory, offsets, wanted, count: COUNT };
}

describe.skipIf(!built)('a detector', () => {
  test('counts what the device did, and nothing else', async () => {
    const detector = await open('dsa:software');
    const { wanted, ...asked } = batch();
    const answers = new Uint8Array(COUNT);
    await detector.detect(asked, answers);
    expect(answers).toEqual(wanted);
    const counters = detector.counters?.();
    expect(counters).toEqual({
      device: COUNT,
      cpuAfterFault: 0,
      queueFullRetries: expect.any(Number),
      deviceTime: expect.any(Number),
    });
    expect(counters?.deviceTime).toBeGreaterThan(0);
    await detector.close();
  });

  test.each(['partial', 'poison', 'batch'])('counts what the CPU finished: %s', async (fault) => {
    const detector = await open(`dsa-faulty:${fault}`);
    const { wanted, ...asked } = batch();
    const answers = new Uint8Array(COUNT);
    await detector.detect(asked, answers);
    expect(answers).toEqual(wanted);
    const { device = 0, cpuAfterFault = 0 } = detector.counters?.() ?? {};
    expect(device + cpuAfterFault).toBe(COUNT);
    expect(cpuAfterFault).toBeGreaterThan(COUNT / 50);
    await detector.close();
  });

  test('counts how often a full queue was tried again', async () => {
    const detector = await open('dsa-faulty:full');
    const { wanted: _, ...asked } = batch();
    await detector.detect(asked, new Uint8Array(COUNT));
    expect(detector.counters?.().queueFullRetries).toBeGreaterThan(0);
    await detector.close();
  });

  test('a lost device rejects all calls in flight, and those that come', async () => {
    const detector = await open('dsa-faulty:enodev');
    const { wanted: _, ...asked } = batch();
    const calls = Array.from({ length: 4 }, () => detector.detect(asked, new Uint8Array(COUNT)));
    const outcomes = await Promise.allSettled(calls);
    expect(outcomes.filter(({ status }) => status === 'rejected').length).toBeGreaterThan(0);
    await expect(detector.detect(asked, new Uint8Array(COUNT))).rejects.toThrow(
      /^the software queue: the device was lost: (No such device|it took and answered nothing for)/,
    );
    await detector.close();
    // Whoever opens it next has a new one.
    const next = await open('dsa-faulty:enodev');
    await next.detect(asked, new Uint8Array(COUNT));
    await next.close();
  });

  test('offsets without a whole page never reach the device', async () => {
    const detector = await open('dsa:software');
    const memory = new Uint8Array(2 * PAGE);
    const ask = async (offset: number, count = 1) =>
      detector.detect({ memory, offsets: Float64Array.of(offset), count }, new Uint8Array(1));
    for (const offset of [PAGE + 1, 2 * PAGE, -PAGE, 0.5, 2 ** 60, Number.NaN, Number.POSITIVE_INFINITY]) {
      await expect(ask(offset), `${offset}`).rejects.toThrow(/offsets\[0\] is/);
    }
    await expect(ask(0, 2)).rejects.toThrow(/fewer offsets/);
    await ask(PAGE);
    await detector.close();
    await expect(ask(0)).rejects.toThrow('the detector was closed');
  });

  test('wrong page sizes are refused', () => {
    const [, software] = accelerators;
    for (const pageSize of [2048, 6144, 131072]) {
      expect(() => software?.open({ pageSize, settings: {} })).toThrow(`page size ${pageSize}`);
    }
  });

  test('a thread may end with calls in flight: its memory is not freed before they are answered', () => {
    const main = fileURLToPath(new URL('fixtures/ends-midway-main.mjs', import.meta.url));
    const args = [main, FAULTY, 'dsa-faulty:late'];
    const { status, signal, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    expect({ status, signal, stdout, stderr }).toEqual({
      status: 0,
      signal: null,
      stdout: 'all ended\n',
      stderr: '',
    });
  });
});

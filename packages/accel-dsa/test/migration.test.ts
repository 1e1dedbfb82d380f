import { type AcceleratorReference, type MigrateResult, migrate, receive } from '@multifd/core';
import { testSeed } from '@multifd/testing/random';
import { afterEach, describe, expect, test } from 'vitest';
import { type FATAL, SURVIVED } from '../src/faulty.js';
import { built, FAULTY, PUBLIC } from './support/addon.js';
import { RunningGuest } from './support/guest.js';

const LENGTH = 16 * 2 ** 20;
const seed = testSeed();
const SOFTWARE = { module: PUBLIC, name: 'dsa:software' };
const JS = { module: import.meta.resolve('@multifd/accel-js'), name: 'js' };

const guests: RunningGuest[] = [];
afterEach(async () => {
  for (const guest of guests.splice(0)) await guest.end();
});

async function start(): Promise<RunningGuest> {
  const guest = await RunningGuest.start(LENGTH, seed);
  guests.push(guest);
  return guest;
}

/** To a fresh destination in this process: pages that got lost. */
async function move(
  running: RunningGuest,
  accelerator: AcceleratorReference,
  fallbacks?: readonly AcceleratorReference[],
): Promise<{ sent: MigrateResult; lost: number[]; replaced: string[] }> {
  const parameters = { multifdChannels: 3, downtimeLimit: 2000 };
  const incoming = await receive({ listen: 'tcp:127.0.0.1:0', parameters });
  const received = incoming.result.catch((error: unknown) => error);
  const replaced: string[] = [];
  try {
    const sent = await migrate({
      guest: running.guest,
      to: incoming.address,
      accelerator,
      ...(fallbacks === undefined ? {} : { fallbacks }),
      parameters,
      onEvent(event) {
        if (event.type === 'accelerator-replaced') replaced.push(event.replacement.reason);
      },
    });
    return { sent, lost: await running.differences((await incoming.result).ram), replaced };
  } finally {
    incoming.close();
    await received;
  }
}

describe.skipIf(!built)(`a running guest, and faults that it must not notice (MULTIFD_SEED=${seed})`, () => {
  test.each(Object.keys(SURVIVED))('%s: every byte arrives', async (fault) => {
    const running = await start();
    const before = running.writes();
    const { lost, sent } = await move(running, { module: FAULTY, name: `dsa-faulty:${fault}` });
    expect(lost).toEqual([]);
    expect(running.writes()).toBeGreaterThan(before);
    expect(sent.statistics.zeroPages).toBeGreaterThan(LENGTH / 4096 / 8);
    const { device = 0, cpuAfterFault = 0, queueFullRetries = 0 } = sent.statistics.offload ?? {};
    expect(device).toBeGreaterThan(LENGTH / 4096 / 8);
    if (['partial', 'poison', 'batch'].includes(fault)) expect(cpuAfterFault).toBeGreaterThan(100);
    if (fault === 'full') expect(queueFullRetries).toBeGreaterThan(10);
  });
});

const WORDS = {
  eperm: /the kernel refused a descriptor: Operation not permitted/,
  einval: /the kernel refused a descriptor: Invalid argument/,
  // The kernel says so with the next descriptor. There is none while the queue is full.
  enodev: /the device was lost: (No such device|it took and answered nothing for 1500 ms)/,
  vanish: /the device was lost: it took and answered nothing for 1500 ms/,
} as const satisfies Readonly<Record<keyof typeof FATAL, RegExp>>;

describe.skipIf(!built)(`a running guest, and a device that fails (MULTIFD_SEED=${seed})`, () => {
  test.each(Object.entries(WORDS))('%s', async (fault, words) => {
    const running = await start();
    const broken = { module: FAULTY, name: `dsa-faulty:${fault}` };
    // Named: the migration ends, and the guest runs on.
    await expect(move(running, broken)).rejects.toMatchObject({
      code: 'accelerator',
      message: expect.stringMatching(words),
    });
    const before = running.writes();
    while (running.writes() === before) await new Promise((resolve) => setTimeout(resolve, 1));
    // Chosen by `auto`: the next one goes on from that batch, and every byte arrives.
    const { lost, replaced } = await move(running, broken, [JS]);
    expect(lost).toEqual([]);
    expect(replaced.length).toBeGreaterThan(0);
    for (const reason of replaced) expect(reason).toMatch(words);
    // And it can go again, with a device that works.
    running.guest.resume?.();
    expect((await move(running, SOFTWARE)).lost).toEqual([]);
  });
});

import { createHash } from 'node:crypto';

import { fileURLToPath, pathToFileURL } from 'node:url';
import {
  type AcceleratorReference,
  type AllocatedGuestRam,
  allocateGuestRam,
  migrate,
  receive,
  type ZeroPageDetection,
} from '@multifd/core';
import { expect, it } from 'vitest';
import { knownAccelerators } from '../../src/accelerators/choose.js';
import { recordingProxy } from '../helpers/recording-proxy.js';

const PAGE = 4096;
/** MULTIFD_SEED repeats a run. */
const seed = Number(process.env.MULTIFD_SEED ?? Date.now() % 2 ** 32) >>> 0;

const example = fileURLToPath(
  new URL('../../../../examples/custom-accelerator/src/index.js', import.meta.url),
);
const references: AcceleratorReference[] = [
  ...(await knownAccelerators().list()).filter(({ probe }) => probe.ok).map(({ reference }) => reference),
  { module: pathToFileURL(example).href, name: 'example-offload' },
];

/** mulberry32: whole numbers from 0 to `below` - 1, the same for the same seed. */
function randomNumbers(of: number): (below: number) => number {
  let state = of >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

/** Two blocks: pages that are zero, full, or used in one byte anywhere, in runs and alone. */
function randomGuest(of: number): AllocatedGuestRam {
  const random = randomNumbers(of);
  const ram = allocateGuestRam([
    { name: 'pc.ram', length: (1500 + random(1500)) * PAGE },
    { name: 'vga.vram', length: (1 + random(200)) * PAGE },
  ]);
  for (const { segments, length } of ram.blocks) {
    const memory = new Uint8Array(segments[0] ?? new SharedArrayBuffer(0), 0, length);
    for (let page = 0; page < length; ) {
      const end = Math.min(length, page + (1 + random(random(4) === 0 ? 200 : 3)) * PAGE);
      const kind = random(3);
      for (; page < end; page += PAGE) {
        if (kind === 1) memory.fill(1 + random(255), page, page + PAGE);
        if (kind === 2) memory[page + random(PAGE)] = 1 + random(255);
      }
    }
  }
  return ram;
}

/** Digests of what left on main and on the one channel. */
async function bytesSent(
  ram: AllocatedGuestRam,
  accelerator: AcceleratorReference,
  zeroPageDetection: ZeroPageDetection,
): Promise<Record<string, string>> {
  const parameters = { multifdChannels: 1 };
  const incoming = await receive({ listen: 'tcp:127.0.0.1:0', parameters });
  const proxy = await recordingProxy(incoming.address);
  try {
    // Without dirty bitmaps nobody writes, and what is sent is one round.
    const guest = { ram: { pageSize: ram.pageSize, blocks: ram.blocks } };
    await migrate({
      guest,
      to: proxy.address,
      accelerator,
      // When runs of zero pages begin depends on when the destination's answer comes.
      parameters: { ...parameters, zeroPageDetection, wire: 'qemu' },
    });
    await incoming.result;
    const entries = proxy.recorded.map((chunks): [string, string] => {
      const bytes = Buffer.concat(chunks);
      const what = bytes.toString('latin1', 0, 4) === 'QEVM' ? 'main' : 'channel';
      return [what, `${bytes.length} bytes, ${createHash('sha256').update(bytes).digest('hex')}`];
    });
    return Object.fromEntries(entries);
  } finally {
    proxy.close();
  }
}

it.each(['multifd', 'legacy'] as const)(
  `zero-page-detection %s: every accelerator sends the same bytes (MULTIFD_SEED=${seed})`,
  async (detection) => {
    for (let guest = 0; guest < 2; guest++) {
      const ram = randomGuest(seed + guest);
      const [first, ...others] = references;
      if (first === undefined) throw new Error('there is always js');
      const wanted = await bytesSent(ram, first, detection);
      expect(Object.keys(wanted).toSorted()).toEqual(['channel', 'main']);
      for (const reference of others) {
        expect(await bytesSent(ram, reference, detection), reference.name).toEqual(wanted);
      }
    }
  },
);

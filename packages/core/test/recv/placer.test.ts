import { createRandom, testSeed } from '@multifd/testing/random';
import { describe, expect, it } from 'vitest';
import { DirtyBitmap } from '../../src/ram/dirty-bitmap.js';
import { allocateGuestRam, openRamBlock } from '../../src/ram/guest-ram.js';
import { PagePlacer } from '../../src/recv/placer.js';
import { Counters } from '../../src/thread/counters.js';
import { createRamPacket, type RamPacket } from '../../src/wire/ram-packet.js';

const PAGE = 4096;
const PAGES = 300;
const seed = testSeed();

function packetOf(normal: readonly number[], zero: readonly number[]): RamPacket {
  const packet = createRamPacket(PAGE);
  packet.normalPages = normal.length;
  packet.zeroPages = zero.length;
  packet.blockName = 'pc.ram';
  [...normal, ...zero].forEach((page, index) => {
    packet.offsets[index] = page * PAGE;
  });
  return packet;
}

/** A destination of one block, and what it should hold, kept page by page. */
async function destination(allZero: boolean) {
  const ram = allocateGuestRam([{ name: 'pc.ram', length: PAGES * PAGE }]);
  const receivedPages = DirtyBitmap.allocate(PAGES);
  const counters = Counters.allocate(1).row(0);
  const changedPages = DirtyBitmap.allocate(PAGES);
  const placement = {
    ram,
    allZero,
    receivedPages: [receivedPages.buffer],
    changedPages: [changedPages.buffer],
  };
  const placer = await PagePlacer.open(placement, counters);
  const [descriptor] = ram.blocks;
  if (descriptor === undefined) throw new Error('no block');
  const block = await openRamBlock(descriptor);
  return { receivedPages, changedPages, counters, placer, block };
}

describe.each([true, false])('PagePlacer, fresh memory: %s', (allZero) => {
  it(`does for runs what is right for each page, MULTIFD_SEED=${seed}`, async () => {
    const random = createRandom(seed);
    const { receivedPages, changedPages, counters, placer, block } = await destination(allZero);
    const expected = new Uint8Array(PAGES);
    const received = new Set<number>();
    let normals = 0;
    let zeros = 0;
    let untouched = 0;
    if (!allZero) {
      // What the memory held before is not the guest's.
      for (let page = 0; page < PAGES; page++) block.write(page * PAGE, new Uint8Array(PAGE).fill(200));
      expected.fill(200);
    }
    for (let round = 1; round < 200; round++) {
      const pages = somePages(random);
      const normal = pages.filter((_, index) => index < pages.length / 3);
      const zero = pages.filter((_, index) => index >= pages.length / 3);
      const packet = packetOf(normal, zero);
      const value = 1 + (round % 199);
      // Zero pages that were nothing but zero in fresh memory are not written.
      const changed = new Set([...normal, ...zero.filter((page) => !allZero || received.has(page))]);
      for (const page of normal) {
        placer.begin(packet).write(page * PAGE, new Uint8Array(PAGE).fill(value));
        expected[page] = value;
        received.add(page);
      }
      for (const page of zero) {
        if (allZero && !received.has(page)) untouched++;
        expected[page] = 0;
        received.delete(page);
      }
      normals += normal.length;
      zeros += zero.length;
      placer.received(packet);
      for (let page = 0; page < PAGES; page++) expect(changedPages.has(page)).toBe(changed.has(page));
      changedPages.clearRange(0, PAGES);
    }
    for (let page = 0; page < PAGES; page++) {
      const bytes = block.read(page * PAGE, PAGE, new Uint8Array(PAGE));
      expect(bytes.every((byte) => byte === expected[page])).toBe(true);
      expect(receivedPages.has(page)).toBe(received.has(page));
    }
    expect(counters).toMatchObject({ normal: normals, zero: zeros, untouched });
  });
});

/** Up to 128 different pages: runs of some length, up and down, single pages between them. */
function somePages(random: ReturnType<typeof createRandom>): number[] {
  const pages = new Set<number>();
  while (pages.size < 100) {
    const first = random.int(PAGES);
    const count = 1 + random.int(random.int(2) === 0 ? 1 : 70);
    for (let page = first; page < Math.min(PAGES, first + count) && pages.size < 128; page++) pages.add(page);
  }
  return [...pages];
}

import { createRandom, testSeed } from '@multifd/testing/random';
import { describe, expect, it } from 'vitest';
import { PLAIN } from '../support/fixtures.js';
import { move } from '../support/pair.js';
import { copyOfRam, createGuestRam, expectSameRam, FILLS, fillRam, MIB, mixedFill } from '../support/ram.js';

const seed = testSeed();
const MODES = ['multifd', 'legacy', 'none'] as const;

describe(`memory arrives byte for byte (MULTIFD_SEED=${seed})`, () => {
  for (const [name, fill] of Object.entries(FILLS)) {
    for (const zeroPageDetection of MODES) {
      it(`${name}, zero-page-detection ${zeroPageDetection}`, async () => {
        const ram = createGuestRam({ seed, fill, blocks: [{ name: 'pc.ram', length: 6 * MIB + 4096 }] });
        const pages = (6 * MIB) / 4096 + 1;
        const { sent, received } = await move({ guest: { ram }, parameters: { zeroPageDetection } });
        const zero = { 'all zero': pages, checkerboard: Math.ceil(pages / 2) }[name] ?? undefined;
        if (zeroPageDetection === 'none') expect(sent.statistics.zeroPages).toBe(0);
        else if (zero !== undefined) expect(sent.statistics.zeroPages).toBe(zero);
        expect(sent.statistics.normal + sent.statistics.zeroPages).toBe(pages);
        // Counted on both ends, independently.
        expect(received.statistics.normal).toBe(sent.statistics.normal);
        expect(received.statistics.zeroPages).toBe(sent.statistics.zeroPages);
        expect(received.statistics.received).toBe(sent.statistics.transferred);
        expect(received.statistics.multifdBytes).toBe(sent.statistics.multifdBytes);
      });
    }
  }

  for (const pageSize of [4096, 8192, 16384, 65536]) {
    for (const zeroPageDetection of MODES) {
      it(`pages of ${pageSize} bytes, zero-page-detection ${zeroPageDetection}`, async () => {
        const blocks = [
          { name: 'odd', length: 37 * pageSize },
          { name: 'big', length: 9 * MIB + pageSize - (MIB % pageSize) },
        ];
        const ram = createGuestRam({ seed, pageSize, blocks });
        const { sent } = await move({ guest: { ram }, parameters: { zeroPageDetection } });
        expect(sent.statistics.pageSize).toBe(pageSize);
      });
    }
  }

  for (const zeroPageDetection of MODES) {
    for (const multifdFlushAfterEachSection of [false, true]) {
      for (const returnPath of [false, true]) {
        const flush = multifdFlushAfterEachSection ? 'sync with each section' : 'sync with each round';
        it(`several blocks, ${zeroPageDetection}, ${flush}, return path ${returnPath}`, async () => {
          const blocks = [
            { name: '/rom@etc/acpi/tables', length: 0x20000 },
            { name: 'pc.ram', length: 9 * MIB },
            { name: 'tiny', length: 4096 },
            { name: 'Größe', length: 3 * 4096 },
            { name: 'x'.repeat(255), length: 33 * 4096 },
          ];
          const ram = createGuestRam({ seed, blocks });
          const parameters = {
            zeroPageDetection,
            multifdFlushAfterEachSection,
            returnPath,
            multifdChannels: 3,
          };
          const { received } = await move({ guest: { ram }, parameters });
          expect(received.ram.blocks).toHaveLength(5);
        });
      }
    }
  }

  for (const zeroPageDetection of MODES) {
    it(`a destination full of other content is cleared, ${zeroPageDetection}`, async () => {
      const ram = createGuestRam({ seed });
      const preloaded = createGuestRam({ seed: seed + 1, fill: (page) => page.fill(0xee) });
      const { received } = await move({
        guest: { ram },
        parameters: { zeroPageDetection },
        destination: { openRam: () => ({ blocks: preloaded.blocks, allZero: false }) },
      });
      expect(received.statistics.untouchedPages).toBe(0);
      expectSameRam(preloaded, ram);
    });
  }

  it('zero pages that come first in fresh memory are not touched', async () => {
    const ram = createGuestRam({ seed, fill: mixedFill });
    const { received } = await move({ guest: { ram } });
    expect(received.statistics.untouchedPages).toBe(received.statistics.zeroPages);
    expect(received.statistics.untouchedPages).toBeGreaterThan(0);
  });

  it.each(['batch-of-one', 'batch-of-seven', 'async', 'never-zero'])('accelerator %s', async (name) => {
    const ram = createGuestRam({ seed });
    const accelerator = { module: PLAIN.module, name };
    const { sent } = await move({ guest: { ram }, source: { accelerator } });
    expect(sent.accelerator).toEqual(accelerator);
  });

  it('the choice of the accelerator changes no byte on the wire', async () => {
    const bytes: number[] = [];
    for (const name of ['plain', 'batch-of-one', 'batch-of-seven', 'async']) {
      const ram = createGuestRam({ seed });
      const accelerator = { module: PLAIN.module, name };
      const { sent } = await move({
        guest: { ram },
        source: { accelerator },
        parameters: { multifdChannels: 1 },
      });
      bytes.push(sent.statistics.transferred);
    }
    expect(new Set(bytes).size, bytes.join()).toBe(1);
  });

  it('the same guest goes A to B to A, and is what it was', async () => {
    const ram = createGuestRam({ seed });
    const before = copyOfRam(ram);
    const there = await move({ guest: { ram } });
    const back = await move({ guest: { ram: there.received.ram } });
    expectSameRam(back.received.ram, before);
  });

  it('a second migration of a guest that changed', async () => {
    const ram = createGuestRam({ seed });
    await move({ guest: { ram } });
    fillRam(ram, mixedFill, createRandom(seed + 7));
    await move({ guest: { ram } });
  });
});

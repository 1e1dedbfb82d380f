import { deflateSync } from 'node:zlib';
import {
  allocateGuestRam,
  DirtyBitmap,
  type GuestRamDescriptor,
  openRamBlockSync,
  type RamBlockDescriptor,
} from '@multifd/core';
import { describe, expect, it } from 'vitest';
import { fillPieces, isZeroPage, pageSeed } from '../../src/guest/fill-work.js';
import { GuestPages } from '../../src/guest/guest-pages.js';
import { writeRandom, writeText } from '../../src/guest/page-content.js';
import { encodeVcpuState, findVcpuState } from '../../src/guest/vcpu-state.js';
import { ThrottleClock, WritePace, writeOnce } from '../../src/guest/vcpu-work.js';
import { DEMO_DEFAULTS, type DemoSource } from '../../src/options/sources.js';

const PAGE = 4096;
const ZERO_PAGE = Buffer.alloc(PAGE);

function filled(changes: Partial<DemoSource>, length = 9 * 2 ** 20) {
  const ram = allocateGuestRam([
    { name: 'pc.ram', length },
    { name: 'rom', length: 16 * PAGE },
  ]);
  const source: DemoSource = { kind: 'demo', size: length, ...DEMO_DEFAULTS, ...changes };
  fillPieces({ ram, source, cursor: new SharedArrayBuffer(4) }, ram.blocks.map(openRamBlockSync));
  return ram.blocks.map(memoryOf);
}

/** A copy of a block's bytes. */
function memoryOf(block: RamBlockDescriptor): Buffer {
  return Buffer.concat(
    block.kind === 'memory' ? block.segments.map((segment) => new Uint8Array(segment)) : [],
  );
}

function pagesOf(memory: Buffer): Buffer[] {
  return Array.from({ length: memory.length / PAGE }, (_, page) =>
    memory.subarray(page * PAGE, (page + 1) * PAGE),
  );
}

function zeroShare(memory: Buffer): number {
  const pages = pagesOf(memory);
  return pages.filter((page) => page.equals(ZERO_PAGE)).length / pages.length;
}

describe('filling', () => {
  it('gives the same memory for the same seed, and another for another', () => {
    expect(filled({ seed: 3 })).toEqual(filled({ seed: 3 }));
    expect(filled({ seed: 3 })).not.toEqual(filled({ seed: 4 }));
  });

  it.each([0, 0.25, 0.5, 1])('has a share of %d zero pages, evenly mixed', (zero) => {
    const [ram = Buffer.alloc(0)] = filled({ zero });
    const tolerance = zero === 0 || zero === 1 ? 0 : 0.05;
    expect(Math.abs(zeroShare(ram) - zero)).toBeLessThanOrEqual(tolerance);
    expect(Math.abs(zeroShare(ram.subarray(0, 2 ** 22)) - zero)).toBeLessThanOrEqual(tolerance * 2);
  });

  it('makes every other page distinct', () => {
    for (const fill of ['random', 'text'] as const) {
      const pages = filled({ fill, zero: 0 }).flatMap(pagesOf);
      expect(new Set(pages.map((page) => page.toString('latin1'))).size).toBe(pages.length);
    }
  });

  it('populate changes no byte', () => {
    expect(filled({ populate: true })).toEqual(filled({ populate: false }));
  });

  it('text compresses, random does not', () => {
    const words = new Int32Array(1024 * 32);
    for (let page = 0; page < 32; page++) writeText(words, page * 1024, 1024, page);
    expect(deflateSync(words).length).toBeLessThan(words.byteLength / 3);
    for (let page = 0; page < 32; page++) writeRandom(words, page * 1024, 1024, page);
    expect(deflateSync(words).length).toBeGreaterThan(words.byteLength * 0.99);
  });

  it('decides by block and page', () => {
    expect(pageSeed(1, 0, 5)).not.toBe(pageSeed(1, 1, 5));
    expect(isZeroPage(pageSeed(1, 0, 5), 0)).toBe(false);
    expect(isZeroPage(pageSeed(1, 0, 5), 1)).toBe(true);
  });
});

function pagesIn(ram: GuestRamDescriptor): GuestPages {
  return new GuestPages(ram, ram.blocks.map(openRamBlockSync));
}

describe('the vCPU', () => {
  it('marks every page that it writes to, and repeats itself from a saved counter', () => {
    const ram = allocateGuestRam([
      { name: 'a', length: 64 * PAGE },
      { name: 'b', length: 8 * PAGE },
    ]);
    const twin = allocateGuestRam([
      { name: 'a', length: 64 * PAGE },
      { name: 'b', length: 8 * PAGE },
    ]);
    const pages = pagesIn(ram);
    for (let counter = 0; counter < 500; counter++) writeOnce(pages, 9, counter);
    for (const half of [0, 250]) {
      const again = pagesIn(twin);
      for (let counter = half; counter < half + 250; counter++) writeOnce(again, 9, counter);
    }
    const twins = twin.blocks.map(memoryOf);
    ram.blocks.forEach((block, index) => {
      const memory = memoryOf(block);
      expect(memory).toEqual(twins[index]);
      const dirty = new DirtyBitmap(ram.dirty?.[index] ?? new SharedArrayBuffer(4), block.length / PAGE);
      pagesOf(memory).forEach((page, number) => {
        if (!page.equals(ZERO_PAGE)) expect(dirty.has(number)).toBe(true);
      });
      expect(dirty.count()).toBeGreaterThan(dirty.pages * 0.9);
    });
  });

  it('clears pages now and then, and writes to zero pages', () => {
    const ram = allocateGuestRam([{ name: 'a', length: PAGE }]);
    const pages = pagesIn(ram);
    const { words } = pages.look(0);
    const seen = new Set<boolean>();
    for (let counter = 0; counter < 200; counter++) {
      writeOnce(pages, 1, counter);
      seen.add(words.every((word) => word === 0));
    }
    expect([...seen].sort()).toEqual([false, true]);
  });

  it('refuses pages of no memory', () => {
    const file = { kind: 'file', name: 'a', length: PAGE, path: '/dev/zero', writable: false } as const;
    expect(() => pagesIn({ blocks: [file], pageSize: PAGE })).toThrow(/RAM block a is not in place/);
  });

  it('keeps its rate over time, writes at once, and does not catch up after a pause', () => {
    const pace = new WritePace(1000 * PAGE, PAGE, 0);
    let writes = 0;
    for (let now = 0; now <= 1000; now += 5) {
      const due = pace.due(now);
      pace.done(due);
      writes += due;
    }
    expect(writes).toBe(1001);
    expect(pace.due(60_000)).toBe(100);
    expect(new WritePace(1, PAGE, 0).due(0)).toBe(1);
  });

  it('owes nothing for the time in which it stood still', () => {
    const pace = new WritePace(1000 * PAGE, PAGE, 0);
    pace.done(pace.due(10));
    pace.stoodStill(40);
    expect(pace.due(55)).toBe(5);
  });

  it.each([0, 20, 50, 99])(
    'stands still for %i percent of the time, in slices of 10 ms as in QEMU',
    (percent) => {
      const clock = new ThrottleClock();
      let ran = 0;
      let stood = 0;
      for (let tick = 0; tick < 400; tick++) {
        ran += 5;
        stood += clock.pause(5, percent);
      }
      expect((100 * stood) / (ran + stood)).toBeCloseTo(percent, 6);
    },
  );

  it('takes its state along', () => {
    const state = { seed: 4294967295, counter: 2 ** 40 + 1, rate: 64 * 2 ** 20, runs: false };
    const other = { idstr: 'timer', instanceId: 0, versionId: 2, body: new Uint8Array(3) };
    expect(findVcpuState([other, encodeVcpuState(state)])).toEqual(state);
    expect(findVcpuState([other])).toBeUndefined();
  });

  it('refuses a state that it cannot read', () => {
    const section = encodeVcpuState({ seed: 1, counter: 2, rate: 3, runs: true });
    expect(() => findVcpuState([{ ...section, versionId: 1 }])).toThrow(/demo-vcpu/);
    expect(() => findVcpuState([{ ...section, body: section.body.subarray(1) }])).toThrow(/demo-vcpu/);
    expect(() => findVcpuState([{ ...section, body: new Uint8Array(32).fill(255) }])).toThrow(/out of range/);
  });
});

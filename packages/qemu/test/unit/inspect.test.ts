import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { MultifdError } from '@multifd/core';
import { createRandom, testSeed } from '@multifd/testing/random';
import { describe, expect, it } from 'vitest';
import { inspect } from '../../src/inspect/inspect.js';
import { MemorySource } from '../../src/stream/byte-source.js';
import { readMigrationFile } from '../../src/stream/read.js';

/** Captured from real QEMU by `MULTIFD_CAPTURE=1 pnpm test:qemu capture`: 2 MiB guests, 5 pages with content. */
const VECTORS = ['7.2-pc.stream', '10.0-q35.stream', '10.0-pc.mapped-ram'] as const;

function load(name: (typeof VECTORS)[number]): Uint8Array {
  return gunzipSync(readFileSync(join(import.meta.dirname, 'vectors', `${name}.gz`)));
}

describe('files that QEMU wrote', () => {
  it.each(VECTORS)('%s is explained', (name) => {
    const bytes = load(name);
    const { blocks, devices = [], sections, ...rest } = inspect(new MemorySource(bytes));
    expect({ ...rest, deviceStateSize: 0 }).toMatchObject({
      format: name.endsWith('mapped-ram') ? 'mapped-ram' : 'stream',
      version: 3,
      machineType: {
        '7.2-pc.stream': 'pc-i440fx-7.2',
        '10.0-q35.stream': 'pc-q35-10.0',
        '10.0-pc.mapped-ram': 'pc-i440fx-10.0',
      }[name],
      capabilities: name.endsWith('mapped-ram') ? ['mapped-ram'] : [],
      pageSize: 4096,
    });
    const ram = blocks.find((block) => block.name === 'pc.ram');
    const others = name.endsWith('mapped-ram')
      ? { zeroPages: 0, absentPages: 507 }
      : { zeroPages: 507, absentPages: 0 };
    expect(ram).toMatchObject({ length: 2 ** 21, normalPages: 5, ...others });
    expect(sections.map(({ kind }) => kind)).toContain('end');
    const device = (idstr: string) => devices.find((each) => each.name === idstr)?.state;
    expect(device('globalstate')).toMatchObject({ size: 10 });
    expect(Buffer.from(String(device('globalstate')?.runstate), 'hex').toString()).toMatch(/^prelaunch\0/);
    expect(device('serial')).toMatchObject({ state: { divider: 12, lsr: 96 } });
    // The processor stands at its reset vector, in real mode.
    expect(device('cpu')).toMatchObject({ 'env.eip': 0xfff0 });
    const segments = device('cpu')?.['env.segs'];
    expect(segments).toHaveLength(6);
    expect(Array.isArray(segments) ? segments[1] : undefined).toMatchObject({
      selector: 0xf000,
      base: 0xffff0000,
    });
    expect(sections.filter(({ kind }) => kind === 'full').reduce((sum, { count }) => sum + count, 0)).toBe(
      devices.length,
    );
  });

  it.each(VECTORS)('%s: every byte of the device state is accounted for', (name) => {
    const bytes = load(name);
    const { devices, deviceState, vmdesc = '' } = readMigrationFile(new MemorySource(bytes));
    const framed = devices.reduce(
      (sum, { idstr, body }) => sum + 1 + 4 + 1 + idstr.length + 8 + body.length + 5,
      0,
    );
    expect(framed + 1 + 5 + Buffer.byteLength(vmdesc)).toBe(deviceState.length);
    expect(Buffer.from(deviceState).equals(bytes.subarray(bytes.length - deviceState.length))).toBe(true);
  });

  it.each(VECTORS)('%s: cut anywhere before the end of its sections, it is refused in one line', (name) => {
    const bytes = load(name);
    const random = createRandom(1);
    const whole = Buffer.from(bytes).lastIndexOf(Buffer.of(0, 6));
    const ends = Array.from({ length: 150 }, () => random.int(whole));
    for (const end of [0, 1, 8, 9, 20, whole - 1, whole, ...ends]) {
      expect(() => inspect(new MemorySource(bytes.subarray(0, end)))).toThrow(MultifdError);
    }
  });

  it.each(VECTORS)('%s: whatever is changed in it, nothing else than our errors is thrown', (name) => {
    const seed = testSeed();
    const random = createRandom(seed);
    const original = load(name);
    // The header, and everything from the end of RAM on, where all structure is.
    const state = original.length - readMigrationFile(new MemorySource(original)).deviceState.length;
    for (let round = 0; round < 300; round++) {
      const bytes = Uint8Array.from(original);
      for (let change = random.int(4); change >= 0; change--) {
        const at =
          random.int(3) === 0 ? random.int(512) : state - 64 + random.int(original.length - state + 64);
        bytes[at] = random.int(2) === 0 ? random.int(256) : (bytes[at] ?? 0) ^ (1 << random.int(8));
      }
      try {
        inspect(new MemorySource(bytes));
      } catch (error) {
        if (!MultifdError.is(error)) throw new Error(`seed ${seed}, round ${round}`, { cause: error });
      }
    }
  });

  it('is not taken in by something else', () => {
    expect(() => inspect(new MemorySource(Buffer.from('\x7fELF and so on')))).toThrow(/magic at byte 0/);
    expect(() => inspect(new MemorySource(new Uint8Array(0)))).toThrow(/the file ends here/);
  });
});

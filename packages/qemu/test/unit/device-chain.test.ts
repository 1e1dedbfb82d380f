import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { createRandom, testSeed } from '@multifd/testing/random';
import { describe, expect, it } from 'vitest';
import { MemorySource } from '../../src/stream/byte-source.js';
import { endOfChain } from '../../src/stream/device-chain.js';
import { readMigrationFile } from '../../src/stream/read.js';
import { counting, deviceSection, footer, lookAlikes } from '../support/device-chains.js';

/** In order: u32 126, the section's id, a value below 2^24. */
const falseEnd = (id: number): Buffer => Buffer.concat([Buffer.alloc(3), footer(id), Buffer.of(0, 1, 2, 3)]);

const DESCRIBED = Buffer.from('\x06\0\0\0\x02{}', 'latin1');
const BEHIND = {
  'no byte': Buffer.alloc(0),
  'a whole description': DESCRIBED,
  'a description that is cut': DESCRIBED.subarray(0, -1),
  'a header that is cut': DESCRIBED.subarray(0, 3),
  'a description and more': Buffer.concat([DESCRIBED, Buffer.from('more')]),
  zeros: Buffer.alloc(4096),
} as const;

function chain(states: readonly Uint8Array[]): Buffer {
  return Buffer.concat(states.map((state, id) => deviceSection(id, `dev-${id}`, state)));
}

function endOf(sections: Buffer, behind: Uint8Array): number | undefined {
  return endOfChain(new MemorySource(Buffer.concat([sections, Buffer.of(0), behind])), 0);
}

describe('a device whose state has its own footer and a 00', () => {
  it.each(Object.entries(BEHIND))(
    'before another device: the end is behind all, with %s there',
    (_, behind) => {
      const sections = chain([Buffer.alloc(9), falseEnd(1), Buffer.alloc(70)]);
      expect(endOf(sections, behind)).toBe(sections.length);
    },
  );

  it('far before its end: more is searched than what is read at once', () => {
    const sections = chain([Buffer.concat([falseEnd(0), Buffer.alloc(3 * 2 ** 20 + 5)]), Buffer.alloc(3)]);
    const source = counting(new MemorySource(Buffer.concat([sections, Buffer.of(0), BEHIND.zeros])));
    expect(endOfChain(source, 0)).toBe(sections.length);
    expect(source.bytes).toBeLessThan(2 * source.size);
  });

  const { zeros, ...likely } = BEHIND;
  it.each(Object.entries(likely))(
    'as the last device: the true end is more like one, with %s',
    (_, behind) => {
      const sections = chain([Buffer.alloc(9), falseEnd(1)]);
      expect(endOf(sections, behind)).toBe(sections.length);
    },
  );

  it('as the last device, and zeros behind the end: one line names both places', () => {
    const sections = chain([Buffer.alloc(9), falseEnd(1)]);
    const first = sections.lastIndexOf(Buffer.concat([footer(1), Buffer.of(0)])) + 5;
    expect(() => endOf(sections, zeros)).toThrow(
      expect.objectContaining({
        code: 'protocol',
        message: `memory: end of sections at byte ${first}: expected one place that looks like the end of the devices, got another at byte ${sections.length}`,
        hint: expect.stringContaining('cut it one byte behind'),
      }),
    );
  });

  it('and the file is cut in a later device: refused', () => {
    const sections = chain([falseEnd(0), Buffer.alloc(30)]);
    expect(endOfChain(new MemorySource(sections.subarray(0, -6)), 0)).toBeUndefined();
  });
});

it.each(['7.2-pc.stream', '10.0-q35.stream', '10.0-pc.mapped-ram'])(
  'a file without description, and the state of its first device has such bytes: all devices are carried: %s',
  (name) => {
    const vector = gunzipSync(readFileSync(join(import.meta.dirname, 'vectors', `${name}.gz`)));
    const { devices, deviceState } = readMigrationFile(new MemorySource(vector));
    const [device] = devices.filter(({ body }) => body.length > 16);
    if (device === undefined) throw new Error('no device');
    const { body, sectionId } = device;
    const at = vector.indexOf(body, vector.length - deviceState.length);
    expect(at).toBeGreaterThan(0);
    falseEnd(sectionId).copy(vector, at);
    const end = vector.lastIndexOf(Buffer.of(0, 6));
    const found = readMigrationFile(
      new MemorySource(Buffer.concat([vector.subarray(0, end + 1), Buffer.alloc(4096)])),
    );
    expect(found.bytesBehind).toBe(4096);
    expect(found.deviceState.length).toBe(deviceState.length - (vector.length - end) + 1);
  },
);

it('footers and ends in random states: the true end is found, or the file is refused', () => {
  const seed = testSeed();
  const random = createRandom(seed);
  const seen = { found: 0, refused: 0 };
  for (let turn = 0; turn < 3000; turn++) {
    const count = 1 + random.int(6);
    const sections = chain(Array.from({ length: count }, (_, id) => lookAlikes(random, id, count)));
    const behind = Object.values(BEHIND)[random.int(6)] ?? BEHIND.zeros;
    let end: number | undefined;
    try {
      end = endOf(sections, behind);
    } catch (error) {
      expect(error, `MULTIFD_SEED=${seed}, turn ${turn}`).toMatchObject({ code: 'protocol' });
      // With these nothing would be left out: there is no doubt.
      expect([BEHIND['no byte'], BEHIND['a whole description']]).not.toContain(behind);
    }
    if (end === undefined) seen.refused++;
    else {
      expect(end, `MULTIFD_SEED=${seed}, turn ${turn}`).toBe(sections.length);
      seen.found++;
    }
  }
  expect(seen.found, `MULTIFD_SEED=${seed}`).toBeGreaterThan(500);
  expect(seen.refused, `MULTIFD_SEED=${seed}`).toBeGreaterThan(0);
});

describe('a hostile file', () => {
  const MIB = 2 ** 20;

  it('of 64 MiB of the shortest sections is refused behind 65536 of them', () => {
    const one = deviceSection(5, 'x', Buffer.alloc(0));
    const source = counting(new MemorySource(Buffer.alloc(64 * MIB, one)));
    expect(() => endOfChain(source, 0)).toThrow(
      `memory: device sections at byte ${65_536 * one.length}: expected at most 65536, got another`,
    );
    expect(source.bytes).toBeLessThan(4 * MIB);
  });

  it('may have 65536 sections', () => {
    const sections = Buffer.alloc(65_536 * 20, deviceSection(5, 'x', Buffer.alloc(0)));
    expect(endOf(sections, BEHIND.zeros)).toBe(sections.length);
  });

  it.each(['7e00000000', '7e0000000000', '7e000000000006', '7e0000000004'])(
    'of 64 MiB of %s in one device is refused behind a million of them',
    (hex) => {
      const head = deviceSection(0, 'x', Buffer.alloc(0)).subarray(0, -5);
      const state = Buffer.alloc(64 * MIB, Buffer.from(hex, 'hex'));
      const source = counting(new MemorySource(Buffer.concat([head, state])));
      expect(() => endOfChain(source, 0)).toThrow(
        /memory: footers of devices at byte \d+: expected at most 1048576, got another/,
      );
      expect(source.bytes).toBeLessThan(18 * MIB);
    },
  );

  it('without a footer is read about once', () => {
    const head = deviceSection(0, 'x', Buffer.alloc(0)).subarray(0, -5);
    const source = counting(new MemorySource(Buffer.concat([head, Buffer.alloc(16 * MIB, 0x7e)])));
    expect(endOfChain(source, 0)).toBeUndefined();
    expect(source.bytes).toBeLessThan(1.1 * source.size);
  });
});

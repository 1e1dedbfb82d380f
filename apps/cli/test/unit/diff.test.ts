import { join } from 'node:path';
import type { FileBlockDescriptor } from '@multifd/core';
import { describe, expect, it } from 'vitest';
import { compareDevices } from '../../src/diff/compare-devices.js';
import { compareRam } from '../../src/diff/compare-ram.js';
import { diffPicture } from '../../src/report/diff-picture.js';
import { diffText } from '../../src/report/diff-text.js';
import { content, writeSparse } from '../helpers/images.js';
import { tempDirectory } from '../helpers/temp.js';

const PAGE = 4096;
const MIB = 2 ** 20;
const NEVER = new AbortController().signal;

/** A block whose file holds pages with content of these seeds; `extents` says where, or nothing does. */
function block(name: string, length: number, pages: Readonly<Record<number, number>>, knowsHoles = true) {
  const path = join(tempDirectory(), 'ram');
  const pieces = Object.entries(pages).map(([page, seed]) => ({
    at: Number(page) * PAGE,
    bytes: seed === 0 ? new Uint8Array(PAGE) : content(PAGE, seed),
  }));
  writeSparse(path, length, pieces);
  const extents = Float64Array.from(pieces.flatMap(({ at }) => [at, at + PAGE]));
  const descriptor: FileBlockDescriptor = { kind: 'file', name, length, path, writable: false };
  return knowsHoles ? { ...descriptor, extents } : descriptor;
}

const ram = (...blocks: FileBlockDescriptor[]) => ({ pageSize: PAGE, blocks });

describe('RAM of two guests', () => {
  it.each([true, false])('differs where pages do, with holes known (%s) or not', async (known) => {
    const before = block('pc.ram', 4 * MIB, { 0: 1, 1: 2, 2: 3, 9: 4, 300: 5, 301: 0 }, known);
    const now = block('pc.ram', 4 * MIB, { 0: 1, 1: 7, 2: 8, 300: 0, 301: 9, 1023: 6 }, known);
    const [diff] = await compareRam(ram(before), ram(now), NEVER, () => {});
    expect(diff).toMatchObject({ pages: 1024, changed: 6, filled: 2, cleared: 2, more: 0 });
    expect(diff?.ranges).toEqual([
      [PAGE, 3 * PAGE],
      [9 * PAGE, 10 * PAGE],
      [300 * PAGE, 302 * PAGE],
      [1023 * PAGE, 1024 * PAGE],
    ]);
    expect(diff?.map.pagesPerCell).toBe(1);
    expect([...(diff?.map.changed ?? [])].reduce((sum, each) => sum + each)).toBe(6);
  });

  it('is compared as far as both have it, by name', async () => {
    const before = ram(block('a', 8 * PAGE, { 7: 1 }), block('b', PAGE, { 0: 1 }));
    const now = ram(block('c', PAGE, {}), block('a', 4 * PAGE, {}));
    expect(await compareRam(before, now, NEVER, () => {})).toMatchObject([
      { name: 'a', lengths: [8 * PAGE, 4 * PAGE], pages: 4, changed: 0 },
    ]);
  });

  it('takes no memory for what is absent, and counts cells of several pages', async () => {
    const before = ram(block('pc.ram', 2 ** 40, {}));
    const now = ram(block('pc.ram', 2 ** 40, { 3: 1, [2 ** 27]: 2 }));
    const [diff] = await compareRam(before, now, NEVER, () => {});
    expect(diff).toMatchObject({ pages: 2 ** 28, changed: 2, filled: 2 });
    expect(diff?.map.changed).toHaveLength(4096);
    expect([diff?.map.changed[0], diff?.map.changed[2048]]).toEqual([1, 1]);
    expect(diff?.map.present[0]).toBe(1);
  });

  it('stops when it is told to', async () => {
    const both = ram(block('pc.ram', MIB, { 0: 1 }));
    await expect(compareRam(both, both, AbortSignal.abort(), () => {})).rejects.toMatchObject({
      code: 'cancelled',
    });
  });
});

describe('devices of two guests', () => {
  const device = (state: object, name = 'cpu', instanceId = 0) => ({ name, instanceId, state: { ...state } });

  it('differ by fields, also in structs and arrays', () => {
    const before = [device({ eip: 1, regs: [1, 2], vga: { sr: '00', x: 1 }, gone: true, same: 5 })];
    const now = [device({ eip: 2, regs: [1, 3], vga: { sr: '01', x: 1 }, list: [1], same: 5 })];
    expect(compareDevices(before, now).changed[0]?.fields).toEqual([
      { field: 'eip', before: 1, now: 2 },
      { field: 'regs[1]', before: 2, now: 3 },
      { field: 'vga.sr', before: '00', now: '01' },
      { field: 'gone', before: true, now: undefined },
      { field: 'list', before: undefined, now: [1] },
    ]);
  });

  it('are the same by name, instance and order', () => {
    const before = [device({ a: 1 }, 'i2c'), device({ a: 2 }, 'i2c'), device({}, 'old')];
    const now = [device({ a: 1 }, 'i2c'), device({ a: 3 }, 'i2c'), device({}, 'new', 4)];
    expect(compareDevices(before, now)).toEqual({
      changed: [{ name: 'i2c', instanceId: 0, fields: [{ field: 'a', before: 2, now: 3 }] }],
      onlyBefore: ['old 0'],
      onlyNow: ['new 4'],
      compared: 2,
    });
  });

  it('may have fields of any name', () => {
    const odd = device(JSON.parse('{"__proto__": 1, "constructor": 2}'));
    expect(compareDevices([odd], [device({})]).changed[0]?.fields.map(({ field }) => field)).toContain(
      'constructor',
    );
  });
});

it('a picture and a text hold nothing that steers a reader', async () => {
  const name = '<script>\u001b[31m&';
  const before = ram(block(name, MIB, { 0: 1 }));
  const now = ram(block(name, MIB, { 0: 2 }));
  const diff = {
    pageSize: PAGE,
    machineTypes: ['pc', 'pc'] as const,
    blocks: await compareRam(before, now, NEVER, () => {}),
    onlyBefore: [],
    onlyNow: [],
    devices: undefined,
  };
  const svg = diffPicture(['a', 'b'], diff);
  expect(svg).toContain('&lt;script&gt;\\x1b[31m&amp; 0x0: 1 of 1 pages');
  expect(svg).not.toContain('<script');
  expect(svg).not.toContain('\u001b');
  expect(diffText(['a', 'b'], diff)).toContain(
    '  <script>\\x1b[31m& (1.0 MiB): 1 changed, 0 of them zero before',
  );
});

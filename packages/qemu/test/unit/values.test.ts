import { describe, expect, it } from 'vitest';
import { decodeStruct } from '../../src/inspect/values.js';
import { parseDevices } from '../../src/stream/description.js';

function decode(device: object, hex: string): unknown {
  const text = JSON.stringify({ devices: [{ name: 'dev', instance_id: 0, ...device }] });
  const [description] = parseDevices(text).devices;
  if (description === undefined) throw new Error('no device');
  const bytes = Buffer.from(hex.replaceAll(' ', ''), 'hex');
  expect(description.size).toBe(bytes.length);
  return decodeStruct(bytes, description);
}

const field = (name: string, type: string, size: number, more: object = {}): object => ({
  name,
  type,
  size,
  ...more,
});

describe('device state in words', () => {
  it('reads numbers by type and size', () => {
    const fields = [
      field('a', 'uint8', 1),
      field('b', 'int16', 2),
      field('c', 'uint32 equal', 4),
      field('d', 'uint64', 8),
      field('e', 'uint64', 8),
      field('f', 'int64', 8),
      field('g', 'bool', 1),
      field('h', 'pci config', 3),
      field('i', 'timer', 8),
    ];
    const hex =
      'ff fffe 80000000 0000000000000010 ffffffffffffffff 8000000000000000 01 010203 ffffffffffffffff';
    expect(decode({ fields }, hex)).toEqual({
      a: 255,
      b: -2,
      c: 2 ** 31,
      d: 16,
      e: '0xffffffffffffffff',
      f: '-9223372036854775808',
      g: true,
      h: '010203',
      i: -1,
    });
  });

  it('reads arrays, described at once and one by one', () => {
    const inner = { vmsd_name: 'in', version: 1, fields: [field('x', 'uint8', 1)] };
    const fields = [
      field('words', 'uint16', 2, { array_len: 2 }),
      field('bytes', 'uint8', 1, { array_len: 3 }),
      field('each', 'struct', 1, { index: 0, struct: inner }),
      field('each', 'struct', 1, { index: 1, struct: inner }),
      field('all', 'struct', 1, { array_len: 2, struct: inner }),
      field('none', 'uint32', 0, { array_len: 2 ** 40 }),
    ];
    expect(decode({ fields }, '0001 0002 0a0b0c 05 06 07 08')).toMatchObject({
      words: [1, 2],
      bytes: '0a0b0c',
      each: [{ x: 5 }, { x: 6 }],
      all: [{ x: 7 }, { x: 8 }],
    });
  });

  it('reads subsections, also of nested structs, and the old style', () => {
    const sub = { vmsd_name: 'in/sub', version: 1, fields: [field('y', 'uint8', 1)] };
    const inner = { vmsd_name: 'in', version: 1, fields: [field('x', 'uint8', 1)], subsections: [sub] };
    const header = `05 06 ${Buffer.from('in/sub').toString('hex')} 00000001`;
    const device = { fields: [field('s', 'struct', 14, { struct: inner })], subsections: [sub] };
    expect(decode(device, `01 ${header} 02 ${header} 03`)).toEqual({
      s: { x: 1, subsections: { 'in/sub': { y: 2 } } },
      subsections: { 'in/sub': { y: 3 } },
    });
    expect(decode({ size: 2 }, 'abcd')).toEqual({ data: 'abcd' });
  });

  it.each([
    { devices: 1 },
    { devices: [{ name: 'x' }] },
    { devices: [{ name: 'x', instance_id: 0, fields: [{ name: 'f', size: -1 }] }] },
    { devices: [{ name: 'x', instance_id: 0, fields: [], subsections: [{ fields: [] }] }] },
    { devices: [{ name: 'x', instance_id: 0, fields: [{ name: 'f', size: 2 ** 52, array_len: 2 ** 10 }] }] },
  ])('refuses %j', (description) => {
    expect(() => parseDevices(JSON.stringify(description))).toThrow(/vm description/);
  });
});

it('a hundred thousand fields of one name take no more than their number', () => {
  const count = 100_000;
  const fields = Array.from({ length: count }, (_, index) => field('a', 'uint8', 1, { index }));
  expect(decode({ fields }, '07'.repeat(count))).toEqual({ a: Array.from({ length: count }, () => 7) });
});

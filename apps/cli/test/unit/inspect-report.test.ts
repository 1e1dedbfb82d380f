import type { Inspection } from '@multifd/qemu';
import { describe, expect, it } from 'vitest';
import { deviceTree } from '../../src/report/device-tree.js';
import { inspectDocument } from '../../src/report/inspect-document.js';
import { inspectText } from '../../src/report/inspect-text.js';

const INSPECTION: Inspection = {
  streamOffset: 0,
  format: 'mapped-ram',
  version: 3,
  machineType: 'pc-q35-10.0',
  capabilities: ['mapped-ram'],
  pageSize: 4096,
  blocks: [
    {
      name: 'pc.ram',
      length: 2 ** 26,
      normalPages: 1000,
      zeroPages: 0,
      absentPages: 15_384,
      pagesOffset: 2 ** 20,
      bitmapOffset: 4096,
    },
    { name: '/rom', length: 4096, normalPages: 1, zeroPages: 0, absentPages: 0 },
  ],
  sections: [
    { kind: 'start', name: 'ram', count: 1, offset: 100, size: 4096 },
    { kind: 'part', name: 'ram', count: 3, offset: 4196, size: 60 },
    { kind: 'full', name: 'timer', count: 1, offset: 4256, size: 60 },
    { kind: 'full', name: 'dma', count: 2, offset: 4316, size: 60 },
    { kind: 'command', name: '11', count: 1, offset: 4376, size: 5 },
    { kind: 'full', name: 'cpu', count: 1, offset: 4381, size: 60 },
  ],
  devices: [
    {
      name: 'timer',
      instanceId: 0,
      versionId: 2,
      size: 24,
      state: { cpu_clock_offset: 5, subsections: { icount: { 'evil\u001b[31m': true } } },
    },
  ],
  deviceStateSize: 20_480,
  bytesBehind: 0,
};

describe('an inspected file', () => {
  it('as text', () => {
    expect(inspectText('guest.mig', INSPECTION)).toBe(`file: guest.mig
format: mapped-ram, version 3
machine type: pc-q35-10.0
capabilities: mapped-ram
page size: 4.0 KiB
RAM blocks, in pages:
  name        size  normal  zero  absent
  pc.ram  64.0 MiB    1000     0   15384
  /rom     4.0 KiB       1     0       0
sections:
  start ram, at byte 100, 4.0 KiB
  part ram x 3, at byte 4196, 60 B
  full, 3 devices, at byte 4256, 120 B
  command 11, at byte 4376, 5 B
  full cpu, at byte 4381, 60 B
device state: 20.0 KiB with its description, 1 device
  timer 0 (version 2, 24 bytes)
    cpu_clock_offset: 5
    subsections: {icount: {evil\\x1b[31m: true}}
`);
  });

  it('says when its devices are not described', () => {
    const text = inspectText('x', { ...INSPECTION, devices: undefined });
    expect(text).toMatch(/device state: 20.0 KiB, which the file does not describe\n$/);
  });

  it('says what QEMU does not look at: bytes behind the stream, a description that is not JSON', () => {
    expect(inspectText('x', { ...INSPECTION, bytesBehind: 5000 })).toMatch(
      /\nbehind the stream: 4.9 KiB, which QEMU does not need\n$/,
    );
    const unread = { ...INSPECTION, devices: undefined, unreadableDescription: true } as const;
    expect(inspectText('x', unread)).toMatch(/device state: 20.0 KiB with a description that is not JSON\n$/);
    expect(inspectDocument('x', { ...unread, bytesBehind: 7 })).toMatchObject({
      devices: null,
      'unreadable-description': true,
      'bytes-behind': 7,
    });
    expect(inspectDocument('x', INSPECTION)).not.toHaveProperty('unreadable-description');
  });

  it('as a document', () => {
    expect(inspectDocument('guest.mig', INSPECTION)).toMatchObject({
      'schema-version': 1,
      command: 'inspect',
      status: 'completed',
      file: 'guest.mig',
      'machine-type': 'pc-q35-10.0',
      'page-size': 4096,
      blocks: [{ name: 'pc.ram', 'normal-pages': 1000, 'absent-pages': 15_384, 'pages-offset': 2 ** 20 }, {}],
      devices: [{ name: 'timer', 'instance-id': 0, 'version-id': 2, state: { cpu_clock_offset: 5 } }],
      'device-state-size': 20_480,
    });
    expect(inspectDocument('x', { ...INSPECTION, devices: undefined }).devices).toBeNull();
  });
});

describe('a tree of device state', () => {
  it('indents structs that are not small', () => {
    const long = { first: 'a'.repeat(40), second: 'b'.repeat(40) };
    expect(deviceTree({ long, small: { a: 1, b: { c: true } }, rows: [long] }, '  ')).toEqual([
      '  long:',
      `    first: ${long.first}`,
      `    second: ${long.second}`,
      '  small: {a: 1, b: {c: true}}',
      '  rows[0]:',
      `    first: ${long.first}`,
      `    second: ${long.second}`,
    ]);
  });

  it('cuts long arrays and bytes, and says how long they are', () => {
    const numbers = Array.from({ length: 20 }, (_, index) => index);
    const structs = numbers.map((n) => ({ n }));
    expect(deviceTree({ few: [1, 2], numbers, bytes: '00'.repeat(512), structs, none: [] }, '')).toEqual([
      'few: [1, 2]',
      'numbers: [0, 1, 2, 3, 4, 5, 6, 7, ... 20 in all]',
      `bytes: ${'00'.repeat(32)}... (512 bytes)`,
      ...[0, 1, 2, 3, 4, 5, 6, 7].map((n) => `structs[${n}]: {n: ${n}}`),
      'structs: ... 20 in all',
      'none: []',
    ]);
  });
});

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { inspect } from '../../src/inspect/inspect.js';
import { openMappedRam } from '../../src/mapped-ram/guest.js';
import { MemorySource } from '../../src/stream/byte-source.js';
import { readMigrationFile } from '../../src/stream/read.js';
import { TestFolder } from '../support/folder.js';

const VECTORS = ['7.2-pc.stream', '10.0-q35.stream', '10.0-pc.mapped-ram'] as const;

function load(name: string): Buffer {
  return gunzipSync(readFileSync(join(import.meta.dirname, 'vectors', `${name}.gz`)));
}

function read(bytes: Uint8Array) {
  return readMigrationFile(new MemorySource(bytes));
}

/** The file with other bytes for its description, of that length or another. */
function withDescription(file: Buffer, text: Uint8Array): Buffer {
  const header = file.lastIndexOf(Buffer.of(0, 6));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(text.length);
  return Buffer.concat([file.subarray(0, header + 2), length, text]);
}

/** A device with state before RAM's START, as QEMU 11.1 has virtio-mem. */
function withEarly(file: Buffer): Buffer {
  const section = Buffer.from(
    '04 00001234 04 766d656d 00000000 00000001 2a 7e 00001234'.replaceAll(' ', ''),
    'hex',
  );
  const at = file.indexOf(Buffer.from('0372616d', 'hex')) - 5;
  const header = file.lastIndexOf(Buffer.of(0, 6));
  const value: unknown = JSON.parse(file.toString('utf8', header + 6));
  if (typeof value !== 'object' || value === null || !('devices' in value) || !Array.isArray(value.devices))
    throw new Error('no description');
  const vmem = { name: 'vmem', instance_id: 0, fields: [{ name: 'size', type: 'uint8', size: 1 }] };
  const text = Buffer.from(JSON.stringify({ ...value, devices: [vmem, ...value.devices] }));
  return withDescription(Buffer.concat([file.subarray(0, at), section, file.subarray(at)]), text);
}

const BEHIND = {
  zeros: Buffer.alloc(4096),
  text: Buffer.from('what another program wrote here'),
  'another end of sections': Buffer.from('7e0000000100', 'hex'),
  'more than is searched at once': Buffer.alloc(2 ** 20 + 77, 6),
} as const;

describe.each(VECTORS)('pages of another size: %s', (name) => {
  const described = (size: number): Buffer => {
    const file = load(name);
    const text = file.toString('utf8', file.lastIndexOf(Buffer.of(0, 6)) + 6);
    return withDescription(file, Buffer.from(text.replace(/"page_size": ?\d+/, `"page_size": ${size}`)));
  };

  it.each([1024, 2 ** 18])('of %i bytes, as other machines have them: not a broken file', (size) => {
    expect(() => read(described(size))).toThrow(
      expect.objectContaining({ code: 'incompatible', hint: expect.stringContaining('QEMU itself') }),
    );
  });

  it.each([0, 1, 4097, 2 ** 40])('of %i bytes, as no machine has them: broken', (size) => {
    expect(() => read(described(size))).toThrow(expect.objectContaining({ code: 'protocol' }));
  });
});

describe.each(VECTORS)('bytes behind the stream: %s', (name) => {
  const file = load(name);
  const { bytesBehind: none, ...expected } = read(file);

  it.each(Object.entries(BEHIND))('%s: are counted, and nothing else of the file is another', (_, behind) => {
    expect(none).toBe(0);
    const { bytesBehind, ...rest } = read(Buffer.concat([file, behind]));
    expect(bytesBehind).toBe(behind.length);
    expect(rest).toEqual(expected);
  });

  it('the end of an older, longer file', () => {
    const { bytesBehind, ...rest } = read(Buffer.concat([file, load('10.0-q35.stream').subarray(-30_000)]));
    expect(bytesBehind).toBe(30_000);
    expect(rest).toEqual(expected);
  });
});

/** What QEMU reads over. */
const TEXTS = {
  words: Buffer.from('not a description at all'),
  'JSON of another shape': Buffer.from('{"a":[1]}'),
  NULs: Buffer.from([0, 1, 0, 6, 0, 0, 0, 0]),
  'no UTF-8': Buffer.from([0xff, 0xfe, 0xc0]),
} as const;

describe.each(VECTORS)('a description that is not JSON: %s', (name) => {
  const file = load(name);

  it.each(Object.entries(TEXTS))('%s: the device state is carried as it is', (_, text) => {
    const spoilt = withDescription(file, text);
    const found = read(spoilt);
    const { deviceState } = read(file);
    const header = deviceState.lastIndexOf(6);
    expect(found).toMatchObject({ unreadableDescription: true, bytesBehind: 0, devices: [] });
    expect(found.vmdesc).toBeUndefined();
    expect(Buffer.from(found.deviceState).subarray(-text.length)).toEqual(text);
    expect(Buffer.compare(spoilt.subarray(-found.deviceState.length), found.deviceState)).toBe(0);
    expect(header).toBeGreaterThan(0);
    expect(inspect(new MemorySource(spoilt))).toMatchObject({
      devices: undefined,
      unreadableDescription: true,
    });
  });

  it('a file that is cut before the end of its sections is still refused', () => {
    const end = file.lastIndexOf(Buffer.of(0, 6));
    for (const size of [end, end - 1, end - 4, end - 5, end - 100])
      expect(() => read(file.subarray(0, size))).toThrow(/expected .+, got the file ends/);
  });
});

/** What stands behind the end of sections, and how many of those bytes belong to the stream. */
const INSTEAD = {
  'no byte': [Buffer.alloc(0), 0],
  'a header that is cut': [Buffer.of(6, 0, 0), 0],
  'a header alone': [Buffer.of(6, 0, 0, 0xae, 0xa9), 0],
  'a description that is cut': [Buffer.from('\x06\0\0\x20\0{"devices": [{"name": "tim', 'latin1'), 0],
  'a length of 4 GiB': [Buffer.of(6, 0xff, 0xff, 0xff, 0xff, 0x7b, 0x7d), 0],
  'an empty description': [Buffer.of(6, 0, 0, 0, 0), 5],
  'an empty description, and more': [Buffer.from('\x06\0\0\0\0{"devices": []}', 'latin1'), 5],
  'words with a header, and zeros': [Buffer.from(`\x06\0\0\0\x05words${'\0'.repeat(4096)}`, 'latin1'), 10],
  zeros: [Buffer.alloc(4096), 0],
  text: [Buffer.from('what another program wrote here'), 0],
  'what looks like a section': [
    Buffer.from('0400000005 0474657374 7e00000005'.replaceAll(' ', ''), 'hex'),
    0,
  ],
  'more than is searched at once': [Buffer.alloc(2 ** 20 + 77, 0x7e), 0],
} as const;

describe.each(VECTORS)('behind the end of sections there is no description that can be read: %s', (name) => {
  const file = load(name);
  const end = file.lastIndexOf(Buffer.of(0, 6));
  const { deviceState } = read(file);

  it.each(Object.entries(INSTEAD))(
    '%s: QEMU loads it, and so it is carried up to there',
    (_, [behind, kept]) => {
      const odd = Buffer.concat([file.subarray(0, end + 1), behind]);
      const found = read(odd);
      expect(found).toMatchObject({ devices: [], bytesBehind: behind.length - kept });
      expect(found.vmdesc ?? '').toBe('');
      const size = deviceState.length - (file.length - end) + 1 + kept;
      expect(
        Buffer.compare(
          found.deviceState,
          odd.subarray(odd.length - behind.length + kept - size).subarray(0, size),
        ),
      ).toBe(0);
    },
  );
});

it.each(VECTORS)(
  'a description of other devices, and bytes behind it: the first that differs is named: %s',
  (name) => {
    const other = Buffer.from('{"devices": [{"name": "ghost", "instance_id": 3, "fields": []}]}');
    expect(() => read(Buffer.concat([withDescription(load(name), other), Buffer.alloc(99, 1)]))).toThrow(
      /expected ghost 3, as described, got timer 0/,
    );
  },
);

it.each(VECTORS)(
  'an end of sections before RAM is none, though all behind it could be left out: %s',
  (name) => {
    const file = load(name);
    const ram = file.indexOf(Buffer.from('0372616d', 'hex')) - 5;
    expect(() => read(Buffer.concat([file.subarray(0, ram), Buffer.of(0), file.subarray(ram + 1)]))).toThrow(
      /expected/,
    );
  },
);

it('a description longer than any is not read, and carried', () => {
  const long = withDescription(load('10.0-q35.stream'), Buffer.alloc(16 * 2 ** 20 + 1, 0x20));
  expect(read(Buffer.concat([long, Buffer.alloc(7, 1)]))).toMatchObject({
    unreadableDescription: true,
    bytesBehind: 7,
  });
});

it('half a million footers behind one another cost a few readings of the file, no more', () => {
  const file = load('10.0-q35.stream');
  const end = file.lastIndexOf(Buffer.of(0, 6));
  const id = file.subarray(end - 4, end);
  // In the last device: each looks like its footer, with nothing behind that may follow.
  const footers = Buffer.concat(Array.from({ length: 500_000 }, () => Buffer.concat([Buffer.of(0x7e), id])));
  const source = new MemorySource(Buffer.concat([file.subarray(0, end - 5), footers, Buffer.of(7, 7)]));
  let bytes = 0;
  const counting = {
    name: source.name,
    size: source.size,
    read: (offset: number, target: Uint8Array) => {
      bytes += target.length;
      source.read(offset, target);
    },
  };
  expect(() => readMigrationFile(counting)).toThrow(/the file ends inside the device state/);
  expect(bytes).toBeLessThan(10 * source.size);
});

it('a mapped-ram guest whose devices are not described has no list of them, and not an empty one', () => {
  using folder = new TestFolder();
  const path = folder.file('guest.mig');
  const file = load('10.0-pc.mapped-ram');
  writeFileSync(path, withDescription(file, TEXTS.words));
  const { deviceState, rawDeviceState } = openMappedRam(path);
  expect(deviceState).toBeUndefined();
  expect(rawDeviceState.bytes[0]).toBe(4);
  writeFileSync(path, file);
  expect(openMappedRam(path).deviceState?.length).toBeGreaterThan(0);
});

it('a mapped-ram guest says what is behind it, and does not take it along', () => {
  using folder = new TestFolder();
  const path = folder.file('guest.mig');
  const file = load('10.0-pc.mapped-ram');
  writeFileSync(path, file);
  const { bytes } = openMappedRam(path).rawDeviceState;
  writeFileSync(path, Buffer.concat([file, BEHIND.zeros]));
  const { bytesBehind, rawDeviceState } = openMappedRam(path);
  expect(bytesBehind).toBe(BEHIND.zeros.length);
  expect(Buffer.compare(rawDeviceState.bytes, bytes)).toBe(0);
});

describe('a description that is not JSON', () => {
  it.each(['7.2-pc.stream', '10.0-q35.stream'])(
    '%s: is refused with early state, of which nothing else tells where it ends',
    (name) => {
      const early = withEarly(load(name));
      expect(read(early).beforeRam).toHaveLength(24);
      expect(() => read(withDescription(early, TEXTS.words))).toThrow(
        /expected a description, got one that is not JSON, and a device before RAM END/,
      );
      const { bytesBehind, ...rest } = read(Buffer.concat([early, BEHIND.zeros]));
      expect(bytesBehind).toBe(BEHIND.zeros.length);
      expect(rest.beforeRam).toHaveLength(24);
    },
  );
});

describe('a hostile file', () => {
  const file = load('10.0-q35.stream');

  it('with a description 100,000 deep has one that cannot be read', () => {
    const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
    for (const device of [deep, `{"name":${deep}}`, `{"name":"d","instance_id":0,"fields":[${deep}]}`]) {
      const { devices, unreadableDescription } = inspect(
        new MemorySource(withDescription(file, Buffer.from(`{"devices":[${device}]}`))),
      );
      expect({ devices, unreadableDescription }).toEqual({ devices: undefined, unreadableDescription: true });
    }
  });

  it('with ten thousand places that look like its end is refused soon', () => {
    const places = Buffer.alloc(11 * 10_000);
    // Each has the bytes to the end of the file for its text.
    for (let at = 0; at < places.length; at += 11) {
      places.set([0x7e, 0, 0, 0, 1, 0, 6], at);
      places.writeUInt32BE(places.length - at - 11 + 1, at + 7);
    }
    const front = file.subarray(0, file.lastIndexOf(Buffer.of(0, 6)));
    let read = 0;
    const source = new MemorySource(Buffer.concat([front, places, Buffer.of(0x7e)]));
    const counting = {
      name: source.name,
      size: source.size,
      read: (offset: number, target: Uint8Array) => {
        read += target.length;
        source.read(offset, target);
      },
    };
    expect(() => readMigrationFile(counting)).not.toThrow(RangeError);
    expect(read).toBeLessThan(100 * source.size);
  });
});

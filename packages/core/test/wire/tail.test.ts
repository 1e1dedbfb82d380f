import { describe, expect, it } from 'vitest';
import { WireError } from '../../src/errors.js';
import {
  type DeviceSection,
  describeDevices,
  encodeDeviceSection,
  encodeEndOfSections,
  encodeVmDescription,
  MainStreamDecoder,
  splitDeviceState,
} from '../../src/public/wire.js';
import { confirmEarly } from '../../src/wire/main/fit.js';
import { encodeWithSrc } from './encode-with-src.js';

const pageSize = 4096;
const blocks = [{ name: 'pc.ram', length: 8192 }];
/** Everything up to the footer of RAM END. */
const front = encodeWithSrc([
  { kind: 'header' },
  { kind: 'configuration', machineType: 'pc-q35-10.0' },
  { kind: 'start', id: 1, idstr: 'ram', instance: 0, version: 4 },
  { kind: 'blocks', blocks },
  { kind: 'flush' },
  { kind: 'eos' },
  { kind: 'footer', id: 1 },
  { kind: 'end', id: 1 },
  { kind: 'flush' },
  { kind: 'eos' },
  { kind: 'footer', id: 1 },
]);

function device(idstr: string, body: Uint8Array, instanceId = 0): DeviceSection {
  return { idstr, instanceId, versionId: 1, body };
}

function encodeTail(sections: readonly DeviceSection[], json: string, firstId = 0): Uint8Array {
  const encoded = sections.map((section, i) => encodeDeviceSection(firstId + i, section));
  return new Uint8Array(Buffer.concat([...encoded, encodeEndOfSections(), encodeVmDescription(json)]));
}

function decodeTail(chunks: readonly Uint8Array[], maxDeviceState = 2 ** 28) {
  const decoder = new MainStreamDecoder({ pageSize, maxDeviceState });
  for (const chunk of [front, ...chunks]) {
    for (const record of decoder.push(chunk)) if (record.type === 'device-state') return record;
  }
  return undefined;
}

describe('device state', () => {
  it('is found where two places look like its header: last section id 6, description of 0x7bxx bytes', () => {
    const sections = [device('d', Uint8Array.of(0x55))];
    const json = describeDevices(sections, pageSize).padEnd(0x7b10);
    const tail = encodeTail(sections, json, 6);
    for (let at = 0; at <= 60; at++) {
      const record = decodeTail([tail.subarray(0, at), tail.subarray(at)]);
      expect(record?.sections).toEqual(sections);
      expect(record?.vmdesc).toBe(json);
      expect(record?.bytes.length).toBe(tail.length);
    }
  });

  it('of many MiB, full of things that look like its end, takes linear time', () => {
    const size = 24 * 2 ** 20;
    const body = new Uint8Array(size);
    // Each place claims a description that reaches just before the next one.
    const fake = Buffer.concat([Buffer.from('0006000003f47b', 'hex'), Buffer.alloc(0x3f3, 0x20)]);
    for (let at = 0; at + fake.length <= size / 2; at += fake.length) body.set(fake, at);
    const sections = [device('big', body)];
    const tail = encodeTail(sections, describeDevices(sections, pageSize));
    const chunks: Uint8Array[] = [];
    for (let at = 0; at < tail.length; at += 65536) chunks.push(tail.subarray(at, at + 65536));
    // Time of this thread, whatever else the machine does.
    const started = process.threadCpuUsage();
    const record = decodeTail(chunks);
    const { user, system } = process.threadCpuUsage(started);
    expect((user + system) / 1000).toBeLessThan(5000);
    expect(record?.sections[0].body.length).toBe(size);
    expect(Buffer.compare(record?.bytes ?? front, tail)).toBe(0);
  });

  it('larger than allowed is refused before it is collected', () => {
    const sections = [device('big', new Uint8Array(5000))];
    const tail = encodeTail(sections, describeDevices(sections, pageSize));
    expect(() => decodeTail([tail], 5000)).toThrow(/device state at byte \d+: expected at most 5000 bytes/);
    expect(decodeTail([tail], tail.length)?.sections).toEqual(sections);
  });

  it('is described in a way that splits it again', () => {
    const sections = [
      device('timer', new Uint8Array(24)),
      device('0000:00:01.0/vga', Uint8Array.of(4, 0, 0x7e), 3),
      device('globalstate', new Uint8Array(0)),
    ];
    const json = describeDevices(sections, pageSize, 'pc-q35-10.0');
    expect(JSON.parse(json)).toMatchObject({
      page_size: 4096,
      configuration: { vmsd_name: 'configuration' },
    });
    const tail = encodeTail(sections, json);
    expect(splitDeviceState(tail, json)).toEqual(sections);
    const upToEof = tail.subarray(0, tail.length - 5 - Buffer.byteLength(json));
    expect(splitDeviceState(upToEof, json)).toEqual(sections);
  });

  const cases: [string, string][] = [
    ['no JSON', '{'],
    ['no object', '[]'],
    ['no devices', '{}'],
    ['devices no list', '{"devices":{}}'],
    ['device no object', '{"devices":[null]}'],
    ['other name', '{"devices":[{"name":"e","instance_id":0,"size":1}]}'],
    ['other instance', '{"devices":[{"name":"d","instance_id":1,"size":1}]}'],
    ['too short', '{"devices":[{"name":"d","instance_id":0,"size":0}]}'],
    ['too long', '{"devices":[{"name":"d","instance_id":0,"size":2}]}'],
    ['far too long', '{"devices":[{"name":"d","instance_id":0,"size":9007199254740991}]}'],
    ['size negative', '{"devices":[{"name":"d","instance_id":0,"size":-1}]}'],
    ['size broken', '{"devices":[{"name":"d","instance_id":0,"size":0.5}]}'],
    ['size no number', '{"devices":[{"name":"d","instance_id":0,"size":"1"}]}'],
    ['no size', '{"devices":[{"name":"d","instance_id":0}]}'],
    ['fields no list', '{"devices":[{"name":"d","instance_id":0,"fields":1}]}'],
    ['field no object', '{"devices":[{"name":"d","instance_id":0,"fields":[1]}]}'],
    [
      'array_len huge',
      '{"devices":[{"name":"d","instance_id":0,"fields":[{"size":9e15,"array_len":9e15}]}]}',
    ],
    ['subsection without name', '{"devices":[{"name":"d","instance_id":0,"fields":[],"subsections":[{}]}]}'],
    ['too few devices', '{"devices":[]}'],
    ['nested 100000 deep', `${'['.repeat(100000)}${']'.repeat(100000)}`],
    [
      'subsections 10000 deep',
      `{"devices":[{"name":"d","instance_id":0,"fields":[]${',"subsections":[{"vmsd_name":"s","fields":[]'.repeat(10000)}${'}]'.repeat(10000)}}]}`,
    ],
  ];
  it.each(cases)('is not split by a description that does not fit: %s', (_, json) => {
    const sections = [device('d', Uint8Array.of(0x55))];
    const tail = encodeTail(sections, json);
    expect(() => splitDeviceState(tail, json)).toThrow(WireError);
    expect(decodeTail([tail])).toBeUndefined();
    const decoder = new MainStreamDecoder({ pageSize });
    const records = [...decoder.push(Buffer.concat([front, tail])), ...decoder.end()];
    expect(records.at(-1)).toEqual({ type: 'device-state', bytes: tail, sections: [], vmdesc: json });
  });

  const unread: [string, Buffer][] = [
    ['words', Buffer.from('no description at all')],
    ['NULs', Buffer.from([0, 1, 0, 6, 0, 0, 0, 0, 0x7e, 0])],
    ['no UTF-8', Buffer.from([0xff, 0xfe, 0xc0])],
  ];
  it.each(unread)('with a description that is no JSON ends with it, as at a QEMU: %s', (_, text) => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(text.length);
    const section = encodeDeviceSection(7, device('d', Uint8Array.of(0x55)));
    const tail = Buffer.concat([section, Buffer.of(0, 6), length, text]);
    const decoder = new MainStreamDecoder({ pageSize });
    const cut = tail.length - 1;
    expect(
      [...decoder.push(Buffer.concat([front, tail.subarray(0, cut)]))].map(({ type }) => type),
    ).not.toContain('device-state');
    expect(decoder.mayEndHere).toBe(false);
    expect([...decoder.push(tail.subarray(cut))]).toEqual([]);
    expect(decoder.mayEndHere).toBe(true);
    const [record] = decoder.end();
    expect(record).toMatchObject({ type: 'device-state', sections: [] });
    expect(record?.type === 'device-state' && Buffer.compare(record.bytes, tail)).toBe(0);
  });

  it('leaves out what comes behind the description', () => {
    const sections = [device('d', Uint8Array.of(0x55))];
    const tail = encodeTail(sections, describeDevices(sections, pageSize));
    for (const behind of [Buffer.alloc(5000), Buffer.from('more'), tail]) {
      const record = decodeTail([Buffer.concat([tail, behind])]);
      expect(Buffer.compare(record?.bytes ?? front, tail)).toBe(0);
      expect(record?.sections).toEqual(sections);
    }
  });
});

describe('hostile device state', () => {
  const early = { section: device('d', Uint8Array.of(1)), offset: 0 };
  const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
  it.each([
    { what: 'a list 100,000 deep as a device', device: deep },
    { what: 'a name 100,000 deep', device: `{"name":${deep},"instance_id":0,"size":0}` },
    { what: 'an instance 100,000 deep', device: `{"name":"d","instance_id":${deep},"size":0}` },
    { what: 'a name that cannot become text', device: '{"name":{"toString":1,"valueOf":1},"instance_id":0}' },
  ])('$what fits nothing, and the stream may end all the same', ({ device: text }) => {
    const json = `{"devices":[${text}]}`;
    const tail = encodeTail([device('d', Uint8Array.of(1))], json);
    expect(() => splitDeviceState(tail, json)).toThrow(WireError);
    expect(decodeTail([tail])).toBeUndefined();
    // The same where the description has to confirm an early section.
    expect(() => confirmEarly([JSON.parse(text)], [early])).toThrow(WireError);
  });

  it('a million places that look like its end cost no time', () => {
    // Sections that begin everywhere, and a header everywhere whose length reaches to the end: 2^42 steps if each place
    // looked at each beginning.
    const size = 11 * 2 ** 20;
    const bytes = new Uint8Array(size);
    const view = new DataView(bytes.buffer);
    bytes[0] = 4;
    for (let at = 11; at < size; at += 11) {
      bytes.set([0x7e, 4, 4, 4, 4, 0, 6], at);
      view.setUint32(at + 7, size - at - 11);
    }
    const decoder = new MainStreamDecoder({ pageSize });
    for (const chunk of [front, bytes]) Array.from(decoder.push(chunk));
    expect(() => Array.from(decoder.end())).toThrow(/main stream ends inside the device state/);
  }, 60_000);
});

import { describe, expect, it } from 'vitest';
import { MultifdError, WireError } from '../../src/errors.js';
import { MainStreamDecoder, writeZeroRecords } from '../../src/public/wire.js';
import { encodeWithSrc } from './encode-with-src.js';
import { toPlain } from './plain.js';
import type { TwinPiece } from './twin.js';

const pageSize = 4096;
const GiB = 2 ** 30;

function front(length: number): Uint8Array {
  const pieces: TwinPiece[] = [
    { kind: 'header' },
    { kind: 'configuration', machineType: 'pc-q35-10.0' },
    { kind: 'start', id: 1, idstr: 'ram', instance: 0, version: 4 },
    { kind: 'blocks', blocks: [{ name: 'pc.ram', length }] },
    { kind: 'flush' },
    { kind: 'eos' },
    { kind: 'footer', id: 1 },
    { kind: 'part', id: 1 },
  ];
  return encodeWithSrc(pieces);
}

function drain(decoder: MainStreamDecoder, chunk: Uint8Array): void {
  for (const _ of decoder.push(chunk));
}

describe('MainStreamDecoder', () => {
  it('gives a page that lies whole in the chunk as a view of it, one that does not as a copy', () => {
    const data = new Uint8Array(pageSize).fill(0x5a);
    const page = encodeWithSrc([{ kind: 'page', block: 'pc.ram', offset: 4096, data }]);
    const decoder = new MainStreamDecoder({ pageSize });
    drain(decoder, front(GiB));
    for (const record of decoder.push(page)) {
      expect(record).toEqual({ type: 'page', blockName: 'pc.ram', offset: 4096, data });
      expect(record.type === 'page' && record.data.buffer === page.buffer).toBe(true);
    }
    drain(decoder, page.subarray(0, 2000));
    for (const record of decoder.push(page.subarray(2000))) {
      expect(record).toEqual({ type: 'page', blockName: 'pc.ram', offset: 4096, data });
      expect(record.type === 'page' && record.data.buffer !== page.buffer).toBe(true);
    }
  });

  it('does not need a chunk any more after the iteration', () => {
    const bytes = front(GiB);
    const records = [];
    const decoder = new MainStreamDecoder({ pageSize });
    for (let at = 0; at < bytes.length; at += 7) {
      const chunk = bytes.slice(at, at + 7);
      for (const record of decoder.push(chunk)) records.push(toPlain(record));
      chunk.fill(0xee);
    }
    expect(records).toEqual([...new MainStreamDecoder({ pageSize }).push(bytes)].map(toPlain));
    expect(decoder.offset).toBe(bytes.length);
    expect(decoder.place).toBe('main stream, section ram (PART)');
  });

  it('is lazy, and goes on with the next chunk when an iteration was left early', () => {
    const bytes = front(GiB);
    const decoder = new MainStreamDecoder({ pageSize });
    for (const record of decoder.push(bytes)) if (record.type === 'configuration') break;
    const rest = encodeWithSrc([{ kind: 'flush' }]);
    const types = Array.from(decoder.push(rest), ({ type }) => type);
    expect(types).toEqual(['section', 'block-list', 'flush', 'eos', 'footer', 'section', 'flush']);
  });

  it('refuses a chunk while the one before is being decoded', () => {
    const decoder = new MainStreamDecoder({ pageSize });
    for (const _ of decoder.push(front(GiB))) {
      expect(() => decoder.push(front(GiB))).toThrow(MultifdError);
      expect(() => decoder.end()).toThrow('not decoded yet');
    }
  });

  it('says the same again after an error', () => {
    const decoder = new MainStreamDecoder({ pageSize });
    expect(() => drain(decoder, Buffer.from('HTTP/1.1'))).toThrow(WireError);
    expect(() => drain(decoder, front(GiB))).toThrow('magic at byte 0: expected 0x5145564d');
    expect(() => [...decoder.end()]).toThrow('magic at byte 0');
  });

  it('says where the stream ended', () => {
    const decoder = new MainStreamDecoder({ pageSize });
    const bytes = front(GiB);
    drain(decoder, bytes);
    drain(decoder, Uint8Array.of(0, 0, 0));
    expect(() => [...decoder.end()]).toThrow(
      `main stream, section ram (PART): record at byte ${bytes.length}: expected 8 bytes, got 3: main stream ends inside section ram (PART)`,
    );
  });

  it('refuses a page size that is none', () => {
    for (const wrong of [0, 1, 4095, 4097, 12288, 131072, Number.NaN, -4096]) {
      expect(() => new MainStreamDecoder({ pageSize: wrong })).toThrow(MultifdError);
    }
  });

  it('decodes millions of zero records as runs of many, beyond 4 GiB too', () => {
    const count = 2_000_000;
    const offsets = Float64Array.from({ length: count }, (_, i) => i * pageSize);
    const decoder = new MainStreamDecoder({ pageSize });
    drain(decoder, front(count * pageSize));
    drain(decoder, encodeWithSrc([{ kind: 'zero', block: 'pc.ram', offset: 0 }]));
    const bytes = new Uint8Array(9 * count);
    expect(writeZeroRecords(bytes, 0, offsets, count)).toBe(bytes.length);
    let pages = 0;
    let wrong = 0;
    let pushes = 0;
    let runs = 0;
    for (let at = 0; at < bytes.length; at += 65536) {
      pushes++;
      for (const record of decoder.push(bytes.subarray(at, at + 65536))) {
        if (record.type !== 'zero') throw new Error(record.type);
        runs++;
        for (let i = 0; i < record.count; i++) if (record.offsets[i] !== pageSize * pages++) wrong++;
      }
    }
    expect({ pages, wrong }).toEqual({ pages: count, wrong: 0 });
    // What makes it fast: one for each piece of the stream, and one for the record that two pieces share.
    expect(runs).toBeLessThanOrEqual(2 * pushes);
  });
});

import { describe, expect, it } from 'vitest';
import { ByteReader, type Reading } from '../../src/public/wire.js';

/** What is read of bytes that are all there; undefined if more is needed. */
function readNow<T>(reading: Reading<T>): T | undefined {
  const { done, value } = reading.next();
  return done === true ? value : undefined;
}

const BYTES = Uint8Array.from({ length: 32 }, (_, index) => index);

describe('ByteReader.seek', () => {
  it('stays in the chunk where it can, and asks for another otherwise', () => {
    const reader = new ByteReader('file');
    reader.feed(BYTES);
    expect(readNow(reader.u16('first'))).toBe(0x0001);
    reader.seek(20);
    expect(reader.offset).toBe(20);
    expect(readNow(reader.u8('ahead'))).toBe(20);
    reader.seek(32);
    expect([reader.offset, reader.pending]).toEqual([32, 0]);
    reader.feed(BYTES);
    reader.seek(1000);
    expect([reader.offset, reader.pending]).toEqual([1000, 0]);
    expect(readNow(reader.u8('behind'))).toBeUndefined();
  });

  it('goes back, and forgets what it held of earlier chunks', () => {
    const reader = new ByteReader('file');
    reader.feed(BYTES.subarray(0, 3));
    const cut = reader.u32('cut');
    expect(readNow(cut)).toBeUndefined();
    expect(reader.pending).toBe(3);
    for (const place of [2, 0]) {
      reader.seek(place);
      expect([reader.offset, reader.pending]).toEqual([place, 0]);
      reader.feed(BYTES.subarray(place, place + 2));
      expect(readNow(reader.u16('again'))).toBe(place * 256 + place + 1);
    }
  });

  it('says where the bytes end, in the file and in the field', () => {
    const reader = new ByteReader('guest.mig');
    reader.seek(100);
    reader.part = 'configuration';
    reader.feed(BYTES.subarray(0, 3));
    expect(readNow(reader.u32('machine type length'))).toBeUndefined();
    const error = reader.ended('the file ends here');
    expect(error.message).toBe(
      'guest.mig, configuration: machine type length at byte 100: expected 4 bytes, got 3: the file ends here',
    );
    expect(error.code).toBe('protocol');
  });
});

import { describe, expect, it } from 'vitest';
import { guessPageSize, LONGEST_GUESS } from '../../src/wire/page-size-guess.js';

const FRONT = [0x11, 0x22, 0x33, 0x44, 0, 0, 0, 1];

/** A SYNC packet's header of that size, and the front of the next one. */
function packets(headerSize: number): Uint8Array {
  const bytes = new Uint8Array(LONGEST_GUESS);
  bytes.set(FRONT);
  if (headerSize + FRONT.length <= bytes.length) bytes.set(FRONT, headerSize);
  return bytes;
}

describe('the page size that packets show', () => {
  it.each([
    [1024, 4416],
    [2048, 2368],
    [4096, 1344],
    [8192, 832],
    [16384, 576],
    [65536, 384],
  ])('%i', (pageSize, headerSize) => {
    expect(guessPageSize(packets(headerSize))).toBe(pageSize);
    expect(guessPageSize(packets(headerSize).subarray(0, headerSize + 7))).toBeUndefined();
  });

  it('is not known where no packet follows', () => {
    expect(guessPageSize(packets(1000))).toBeUndefined();
    expect(guessPageSize(new Uint8Array(0))).toBeUndefined();
  });
});

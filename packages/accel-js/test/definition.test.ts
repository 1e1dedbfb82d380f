import { describe, expect, test } from 'vitest';
import { detectAll, everyByteIsZero, openDetector, randomNumbers, seed } from './helpers.js';

const PAGE_SIZES = [4096, 8192, 16384, 32768, 65536];
const VALUES = [0x01, 0x80, 0xff];

describe.each(PAGE_SIZES)('pages of %i bytes', (pageSize) => {
  test('one non-zero byte anywhere makes a page non-zero', async () => {
    const detector = await openDetector(pageSize);
    // The middle one of three pages, so that a check that strays into a neighbour is seen as well.
    const memory = new Uint8Array(new SharedArrayBuffer(3 * pageSize));
    const offsets = [0, pageSize, 2 * pageSize];
    const stride = pageSize === 4096 ? 1 : 61;
    const wrong: string[] = [];
    for (
      let at = 0;
      at < pageSize;
      at = at === pageSize - 1 ? pageSize : Math.min(at + stride, pageSize - 1)
    ) {
      for (const value of VALUES) {
        memory[pageSize + at] = value;
        const answers = await detectAll(detector, memory, offsets);
        if (answers.join() !== '1,0,1') wrong.push(`byte ${at} = ${value}: ${answers}`);
      }
      memory[pageSize + at] = 0;
    }
    expect(wrong).toEqual([]);
    expect(await detectAll(detector, memory, offsets)).toEqual([1, 1, 1]);
  });

  test('the edges of every 4 KiB inside a page count', async () => {
    const detector = await openDetector(pageSize);
    const memory = new Uint8Array(pageSize);
    const answers: number[] = [];
    for (let edge = 0; edge < pageSize; edge += 4096) {
      for (const at of [edge, edge + 4095]) {
        memory[at] = 1;
        answers.push(...(await detectAll(detector, memory, [0])));
        memory[at] = 0;
      }
    }
    expect(answers).toEqual(Array<number>(pageSize / 2048).fill(0));
  });

  test(`agrees with the plain byte loop on random memory (MULTIFD_SEED=${seed})`, async () => {
    const random = randomNumbers(seed);
    const detector = await openDetector(pageSize);
    for (const byteOffset of [0, 1, 7, 32, 4095]) {
      const memory = new Uint8Array(new SharedArrayBuffer(64 * pageSize + byteOffset), byteOffset);
      const offsets: number[] = [];
      for (let i = 0; i < 128; i++) {
        const offset = random(memory.length - pageSize + 1);
        if (random(2) === 1) memory[offset + random(pageSize)] = random(256);
        offsets.push(offset);
      }
      const wanted = offsets.map((offset) => (everyByteIsZero(memory, offset, pageSize) ? 1 : 0));
      const label = `view at ${byteOffset}`;
      expect(await detectAll(detector, memory, offsets), label).toEqual(wanted);
    }
  });
});

test('bit patterns that numbers take for zero are not', async () => {
  const detector = await openDetector(4096);
  const memory = new Uint8Array(5 * 4096);
  const numbers = new DataView(memory.buffer);
  numbers.setFloat64(0, -0, true);
  numbers.setFloat32(4096 + 4092, -0, true);
  numbers.setFloat64(2 * 4096 + 2048, Number.MIN_VALUE, true);
  numbers.setFloat64(3 * 4096 + 8, Number.NaN, true);
  expect(await detectAll(detector, memory, [0, 4096, 8192, 12288, 16384])).toEqual([0, 0, 0, 0, 1]);
});

test.each([
  ['ArrayBuffer', (bytes: number) => new ArrayBuffer(bytes)],
  ['SharedArrayBuffer', (bytes: number) => new SharedArrayBuffer(bytes)],
])('%s: views at odd byte offsets see their own bytes only', async (_, allocate) => {
  const detector = await openDetector(4096);
  for (const byteOffset of [1, 3, 7, 9, 31, 63, 65, 4095]) {
    const buffer = allocate(byteOffset + 2 * 4096 + 1);
    const whole = new Uint8Array(buffer);
    const memory = new Uint8Array(buffer, byteOffset, 2 * 4096);
    whole[byteOffset - 1] = 1;
    whole[byteOffset + 2 * 4096] = 1;
    expect(await detectAll(detector, memory, [0, 4096]), `view at ${byteOffset}`).toEqual([1, 1]);
    memory[4096] = 1;
    expect(await detectAll(detector, memory, [0, 4096]), `view at ${byteOffset}`).toEqual([1, 0]);
    memory[4096] = 0;
    memory[4095] = 1;
    expect(await detectAll(detector, memory, [0, 4096]), `view at ${byteOffset}`).toEqual([0, 1]);
  }
});

test('offsets beyond 4 GiB are exact', async () => {
  const GiB = 2 ** 30;
  const detector = await openDetector(4096);
  // Never touched, so it takes no memory; only the pages below are read.
  const memory = new Uint8Array(new SharedArrayBuffer(8 * GiB));
  const offsets = [0, 2 * GiB, 4 * GiB - 4096, 4 * GiB, 4 * GiB + 4096, 6 * GiB, 8 * GiB - 4096];
  for (const dirty of offsets) {
    for (const at of [dirty, dirty + 4095]) {
      memory[at] = 1;
      const wanted = offsets.map((offset) => (offset === dirty ? 0 : 1));
      expect(await detectAll(detector, memory, offsets), `byte ${at}`).toEqual(wanted);
      memory[at] = 0;
    }
  }
});

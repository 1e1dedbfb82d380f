/**
 * Other ways to check pages in JavaScript, kept so that the choice can be measured again. Each takes views of
 * one memory, made once, and answers for `count` pages of 4 KiB. Same answers as the kernel while nobody
 * writes; none is used.
 */
import { PAGE } from './cases.mjs';

const zeros = Buffer.alloc(PAGE);

export const viewsOf = (memory) => ({
  bytes: memory,
  buffer: Buffer.from(memory.buffer),
  int32: new Int32Array(memory.buffer),
  bigint64: new BigInt64Array(memory.buffer),
  data: new DataView(memory.buffer),
});

export const ways = {
  'Int32Array, OR of 8': ({ int32: w }, offsets, count, isZero) => {
    for (let i = 0; i < count; i++) {
      let at = offsets[i] / 4;
      const end = at + PAGE / 4;
      while (
        at < end &&
        (w[at] | w[at + 1] | w[at + 2] | w[at + 3] | w[at + 4] | w[at + 5] | w[at + 6] | w[at + 7]) === 0
      )
        at += 8;
      isZero[i] = at === end ? 1 : 0;
    }
  },
  'BigInt64Array, OR of 8': ({ bigint64: w }, offsets, count, isZero) => {
    for (let i = 0; i < count; i++) {
      let at = offsets[i] / 8;
      const end = at + PAGE / 8;
      while (
        at < end &&
        (w[at] | w[at + 1] | w[at + 2] | w[at + 3] | w[at + 4] | w[at + 5] | w[at + 6] | w[at + 7]) === 0n
      )
        at += 8;
      isZero[i] = at === end ? 1 : 0;
    }
  },
  'DataView.getBigInt64, OR of 4': ({ data }, offsets, count, isZero) => {
    const word = (at) => data.getBigInt64(at, true);
    for (let i = 0; i < count; i++) {
      let at = offsets[i];
      const end = at + PAGE;
      while (at < end && (word(at) | word(at + 8) | word(at + 16) | word(at + 24)) === 0n) at += 32;
      isZero[i] = at === end ? 1 : 0;
    }
  },
  'Int32Array.subarray().every': ({ int32 }, offsets, count, isZero) => {
    for (let i = 0; i < count; i++) {
      const at = offsets[i] / 4;
      isZero[i] = int32.subarray(at, at + PAGE / 4).every((word) => word === 0) ? 1 : 0;
    }
  },
  'Buffer.subarray().equals(zeros)': ({ buffer }, offsets, count, isZero) => {
    for (let i = 0; i < count; i++)
      isZero[i] = buffer.subarray(offsets[i], offsets[i] + PAGE).equals(zeros) ? 1 : 0;
  },
  'Buffer.compare with zeros, no look': ({ bytes }, offsets, count, isZero) => {
    for (let i = 0; i < count; i++)
      isZero[i] = zeros.compare(bytes, offsets[i], offsets[i] + PAGE) === 0 ? 1 : 0;
  },
  'look at first, middle and last byte, then compare': ({ bytes: b }, offsets, count, isZero) => {
    for (let i = 0; i < count; i++) {
      const at = offsets[i];
      const end = at + PAGE;
      const looked = b[at] | b[at + PAGE / 2] | b[end - 1];
      isZero[i] = looked === 0 && zeros.compare(b, at, end) === 0 ? 1 : 0;
    }
  },
  'look at the whole batch first, then compare': ({ bytes: b }, offsets, count, isZero) => {
    for (let i = 0; i < count; i++) isZero[i] = b[offsets[i]] === 0 ? 1 : 0;
    for (let i = 0; i < count; i++) {
      if (isZero[i] === 1 && zeros.compare(b, offsets[i], offsets[i] + PAGE) !== 0) isZero[i] = 0;
    }
  },
  'page against itself shifted by 8': ({ buffer, int32 }, offsets, count, isZero) => {
    for (let i = 0; i < count; i++) {
      const at = offsets[i];
      const end = at + PAGE;
      const first = int32[at / 4] | int32[at / 4 + 1];
      isZero[i] = first === 0 && buffer.compare(buffer, at + 8, end, at, end - 8) === 0 ? 1 : 0;
    }
  },
  'UNSOUND: runs of 16 pages against themselves': (views, offsets, count, isZero) =>
    compareRuns(views, offsets, count, isZero, 16),
  'UNSOUND: runs of 128 pages against themselves': (views, offsets, count, isZero) =>
    compareRuns(views, offsets, count, isZero, 128),
};

/** One compare for a run of neighbours, page by page again when it says "not equal". See race.mjs. */
function compareRuns({ buffer, int32 }, offsets, count, isZero, longest) {
  for (let i = 0; i < count; i++) {
    const word = offsets[i] / 4;
    isZero[i] = (int32[word] | int32[word + 1]) === 0 ? 1 : 0;
  }
  for (let i = 0, next = 0; i < count; i = next) {
    next = i + 1;
    if (isZero[i] === 0) continue;
    const start = offsets[i];
    let end = start + PAGE;
    for (; next < count && next - i < longest && isZero[next] === 1 && offsets[next] === end; next++)
      end += PAGE;
    if (buffer.compare(buffer, start + 8, end, start, end - 8) === 0) continue;
    for (let j = i; j < next; j++)
      isZero[j] = zeros.compare(buffer, offsets[j], offsets[j] + PAGE) === 0 ? 1 : 0;
  }
}

const COPY = 2 ** 18;
const target = Buffer.alloc(COPY, 1);

/** What the machine gives for reading alone and for copying, whatever the bytes are. */
export const ceilings = {
  'plain read, Int32Array OR': ({ int32: w }) => {
    let seen = 0;
    for (let i = 0; i < w.length; i += 8)
      seen |= w[i] | w[i + 1] | w[i + 2] | w[i + 3] | w[i + 4] | w[i + 5] | w[i + 6] | w[i + 7];
    return seen;
  },
  'copy, 256 KiB at a time': ({ buffer }) => {
    for (let at = 0; at < buffer.length; at += COPY) buffer.copy(target, 0, at, at + COPY);
  },
};

/** Native read of one stream. It stops at the first difference, so it is a ceiling for zero memory only. */
export const nativeCeiling = {
  'native read, memory against itself': ({ buffer }) =>
    buffer.compare(buffer, 8, buffer.length, 0, buffer.length - 8),
};

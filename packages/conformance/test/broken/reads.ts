/** Accelerators that do not look at all of a page, or look elsewhere. */
import type { Accelerator } from '@multifd/core/accelerator';
import { pageByPage, rightAnswer } from './make.js';

const part = (memory: Uint8Array, from: number, to: number) => rightAnswer(memory, from, to - from);

/** Numbers of 4 or 8 bytes over a page, wherever it lies. */
const data = (memory: Uint8Array, offset: number, pageSize: number) =>
  new DataView(memory.buffer, memory.byteOffset + offset, pageSize);

export const misreading: readonly Accelerator[] = [
  pageByPage('misses-last-byte', (memory, at, size) => part(memory, at, at + size - 1)),
  pageByPage('misses-first-byte', (memory, at, size) => part(memory, at + 1, at + size)),
  pageByPage('misses-tail', (memory, at, size) => part(memory, at, at + size - 64)),
  pageByPage('one-byte-too-many', (memory, at, size) =>
    part(memory, at, Math.min(at + size + 1, memory.length)),
  ),
  pageByPage('ignores-a-lane', (memory, at, size) => {
    const view = data(memory, at, size);
    for (let i = 0; i < size; i += 64) {
      for (let lane = 0; lane < 64; lane += 8) {
        if (lane !== 24 && view.getBigUint64(i + lane) !== 0n) return false;
      }
    }
    return true;
  }),
  pageByPage('every-other-line', (memory, at, size) => {
    for (let i = 0; i < size; i += 128) if (!part(memory, at + i, at + i + 64)) return false;
    return true;
  }),
  pageByPage('samples-a-few-bytes', (memory, at, size) =>
    [0, 1, size / 2, size - 1].every((place) => memory[at + place] === 0),
  ),
  pageByPage('low-bits-only', (memory, at, size) => {
    for (let i = 0; i < size; i++) if (((memory[at + i] ?? 0) & 0x7f) !== 0) return false;
    return true;
  }),
  pageByPage('adds-up', (memory, at, size) => {
    let sum = 0;
    for (let i = 0; i < size; i++) sum = (sum + (memory[at + i] ?? 0)) & 0xff;
    return sum === 0;
  }),
  pageByPage('floats', (memory, at, size) => {
    const view = data(memory, at, size);
    for (let i = 0; i < size; i += 4) if (view.getFloat32(i, true) !== 0) return false;
    return true;
  }),
  pageByPage('floats-above-nothing', (memory, at, size) => {
    const view = data(memory, at, size);
    for (let i = 0; i < size; i += 4) {
      const value = Math.abs(view.getFloat32(i, true));
      if (value > 0 || Object.is(view.getFloat32(i, true), -0)) return false;
    }
    return true;
  }),
  pageByPage('flushes-denormals', (memory, at, size) => {
    const view = data(memory, at, size);
    for (let i = 0; i < size; i += 4) if ((view.getUint32(i, true) & 0x7f800000) !== 0) return false;
    return part(memory, at, at + 4);
  }),
  pageByPage('only-4-kib', (memory, at) => part(memory, at, at + 4096)),
  pageByPage('offsets-of-31-bits', (memory, at, size) => rightAnswer(memory, at & 0x7fffffff, size)),
  pageByPage('offsets-of-32-bits', (memory, at, size) => rightAnswer(memory, at >>> 0, size)),
  pageByPage('ignores-where-the-view-starts', (memory, at, size) =>
    rightAnswer(new Uint8Array(memory.buffer), at, size),
  ),
  pageByPage('aligns-down', (memory, at, size) => {
    const start = (memory.byteOffset + at) & -64;
    return rightAnswer(
      new Uint8Array(memory.buffer),
      start,
      Math.min(size, memory.buffer.byteLength - start),
    );
  }),
  pageByPage('always-zero', () => true),
  pageByPage('never-zero', () => false),
];

import { plainRead } from '@multifd/accel-native';
import { type BenchMemory, PAGE_SIZE } from './bench-memory.js';

/** Goes over all of a memory once. */
export type Work = (memory: Pick<BenchMemory, 'memory' | 'wasmMemory'>) => void | Promise<void>;

/** With the widest loads of this CPU; without the addon, as the C library compares memory with itself. */
export function plainReadWork(): { work: Work; how: string } {
  const read = plainRead(PAGE_SIZE);
  if (read === undefined) {
    const how = 'Buffer.compare of the memory with itself (accel-native is not built)';
    return { work: ({ memory }) => void Buffer.compare(memory, memory.subarray()), how };
  }
  const size = 1024;
  const offsets = new Float64Array(size);
  const answers = new Uint8Array(size);
  const work: Work = ({ memory }) => {
    for (let start = 0; start < memory.length; start += size * PAGE_SIZE) {
      const count = Math.min(size, (memory.length - start) / PAGE_SIZE);
      for (let i = 0; i < count; i++) offsets[i] = start + i * PAGE_SIZE;
      read(memory, offsets, count, answers);
    }
  };
  return {
    work,
    how: 'every byte, with the widest loads of this CPU, and no decision before the end of a page',
  };
}

import { type AllocatedGuestRam, allocateGuestRam } from '@multifd/core';
import type { AttachedBlock, SharedWasmMemory } from '@multifd/core/accelerator';

export const PAGE_SIZE = 4096;

/** What the memory holds: zeros that were written, half of the pages used at random, every page used. */
export const KINDS = ['zero', 'mixed', 'full'] as const;
export type Kind = (typeof KINDS)[number];

/** Bytes: what a core has in its own cache, and what it has not. */
export const PLACES = { 'in cache': 512 * 1024, 'out of cache': 256 * 2 ** 20 } as const;
export type Place = keyof typeof PLACES;

/** Guest memory as a migration has it, all of it populated. */
export interface BenchMemory {
  readonly memory: Uint8Array;
  readonly wasmMemory: SharedWasmMemory | undefined;
  /** The same, as a guest's memory is announced to a detector. */
  readonly block: AttachedBlock;
}

export function makeMemory(kind: Kind, length: number): BenchMemory {
  const ram: AllocatedGuestRam = allocateGuestRam([{ name: 'bench', length }], PAGE_SIZE);
  const [block] = ram.blocks;
  const segment = block?.segments[0] ?? new SharedArrayBuffer(0);
  const memory = new Uint8Array(segment, 0, length);
  memory.fill(0);
  let state = 7;
  for (let page = 0; page < length; page += PAGE_SIZE) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    if (kind === 'full' || (kind === 'mixed' && (state & 1) === 1)) {
      memory.fill(1 + ((page / PAGE_SIZE) % 255), page, page + PAGE_SIZE);
    }
  }
  const piece = new Uint8Array(segment, 0, length);
  return {
    memory,
    wasmMemory: block?.wasmMemories?.[0],
    block: { name: 'bench', length, kind: 'memory', backing: 'anonymous', pieces: [piece] },
  };
}

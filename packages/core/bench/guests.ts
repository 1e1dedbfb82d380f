import { DirtyBitmap, type GuestRamDescriptor } from '../src/public/index.js';
import { allocateGuestRam } from '../src/ram/guest-ram.js';

export const PAGE = 4096;
/** Bytes: several times the largest cache of most machines. */
export const GUEST = 256 * 2 ** 20;
export const PAGES = GUEST / PAGE;

export interface BenchGuest {
  readonly ram: GuestRamDescriptor;
  readonly bytes: Uint8Array;
  /** Marks everything dirty. */
  dirty(): void;
}

/** Memory that nobody has touched. */
export function untouched(): BenchGuest {
  const ram = allocateGuestRam([{ name: 'pc.ram', length: GUEST }], PAGE);
  const [block] = ram.blocks;
  const [segment] = block?.segments ?? [];
  const [bitmap] = ram.dirty ?? [];
  if (segment === undefined || bitmap === undefined) throw new Error('the guest has no memory');
  const dirty = new DirtyBitmap(bitmap, PAGES);
  return { ram, bytes: new Uint8Array(segment), dirty: () => dirty.markAll() };
}

/** Every page written; `share` of them, mixed at random, with zeros and the others with random words. */
export function written(share: number): BenchGuest {
  const guest = untouched();
  const words = new Uint32Array(guest.bytes.buffer);
  let state = 7;
  const next = (): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
  for (let first = 0; first < words.length; first += PAGE / 4) {
    const zero = next() < share * 2 ** 32;
    for (let i = first; i < first + PAGE / 4; i++) words[i] = zero ? 0 : next();
  }
  return guest;
}

import { HASH_SIZE } from '../format/layout.js';

/** Entries that a table begins with; it doubles. */
const FEWEST = 1024;

/**
 * Chunks by their hash: a number for each, from 0 on. 48 bytes a chunk: a store with 100 GiB of content fits into memory, which
 * a `Map` of strings would not.
 */
export class ChunkTable {
  #hashes = new Uint8Array(FEWEST * HASH_SIZE);
  #packs = new Int32Array(FEWEST);
  #places = new Uint32Array(FEWEST);
  /** Entry plus one; 0: free. A power of two, at most half full. */
  #slots = new Int32Array(FEWEST * 2);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** The chunk with this hash, -1 if there is none. */
  find(hash: Uint8Array): number {
    const mask = this.#slots.length - 1;
    for (let slot = slotOf(hash) & mask; ; slot = (slot + 1) & mask) {
      const entry = (this.#slots[slot] ?? 0) - 1;
      if (entry < 0) return -1;
      if (this.#isSame(entry, hash)) return entry;
    }
  }

  /** Adds a chunk that is not there yet. @param pack any number of the caller's. @returns its number. */
  add(hash: Uint8Array, pack: number, place: number): number {
    if (this.#count === this.#packs.length) this.#grow();
    const entry = this.#count++;
    this.#hashes.set(hash, entry * HASH_SIZE);
    this.set(entry, pack, place);
    this.#fill(hash, entry);
    return entry;
  }

  /** Says where a chunk is. */
  set(entry: number, pack: number, place: number): void {
    this.#packs[entry] = pack;
    this.#places[entry] = place;
  }

  packOf(entry: number): number {
    return this.#packs[entry] ?? -1;
  }

  placeOf(entry: number): number {
    return this.#places[entry] ?? 0;
  }

  #fill(hash: Uint8Array, entry: number): void {
    const mask = this.#slots.length - 1;
    let slot = slotOf(hash) & mask;
    while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
    this.#slots[slot] = entry + 1;
  }

  #isSame(entry: number, hash: Uint8Array): boolean {
    const at = entry * HASH_SIZE;
    for (let index = 0; index < HASH_SIZE; index++)
      if (this.#hashes[at + index] !== hash[index]) return false;
    return true;
  }

  #grow(): void {
    const size = this.#packs.length * 2;
    const hashes = new Uint8Array(size * HASH_SIZE);
    hashes.set(this.#hashes);
    const packs = new Int32Array(size);
    packs.set(this.#packs);
    const places = new Uint32Array(size);
    places.set(this.#places);
    this.#hashes = hashes;
    this.#packs = packs;
    this.#places = places;
    this.#slots = new Int32Array(size * 2);
    for (let entry = 0; entry < this.#count; entry++)
      this.#fill(hashes.subarray(entry * HASH_SIZE, (entry + 1) * HASH_SIZE), entry);
  }
}

function slotOf(hash: Uint8Array): number {
  return ((hash[0] ?? 0) | ((hash[1] ?? 0) << 8) | ((hash[2] ?? 0) << 16) | ((hash[3] ?? 0) << 24)) >>> 0;
}

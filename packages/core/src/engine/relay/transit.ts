import { MultifdError } from '../../errors.js';
import { allocateMemoryBlock } from '../../ram/memory-block.js';
import { change, waitUntil } from '../../thread/shared-state.js';
import { maxPagesPerPacket, PACKET_PAYLOAD_SIZE } from '../../wire/layout.js';

/** Most packets inside the relay at a time: 32 MiB of pages. It buffers no more. */
const SLOTS = 64;

/** Owner of a slot. */
const FREE = 0;
/** An incoming thread writes to it. */
const FILLING = 1;
/** It waits for an outgoing channel. */
const FULL = 2;
/** An outgoing channel sends it. */
const SENDING = 3;
/** Its zero pages wait for main (`zero-page-detection=legacy`). */
const ZEROS = 4;
/** Main sends its zero pages. */
const SENDING_ZEROS = 5;

/** Words of a slot: its owner, its block, its normal pages, its zero pages. */
const OWNER = 0;
const BLOCK = 1;
const NORMAL = 2;
const ZERO = 3;
const WORDS = 4;

/** Words before the slots. */
const ABORT = 0;
/** Sequence that those wait on who need a free slot. */
const FREED = 1;
/** Sequence that the outgoing channels wait on. */
const FILLED = 2;
/** Sequence that main waits on. */
const ZEROED = 3;
const HEAD = 8;

export interface TransitDescriptor {
  readonly pageSize: number;
  readonly words: SharedArrayBuffer;
  readonly offsets: SharedArrayBuffer;
  readonly pages: SharedArrayBuffer;
}

/** One packet in transit. The thread that took it owns it until it hands it on. */
export interface Slot {
  readonly index: number;
  /** Room for the pages of a packet; the first `normal` are its normal pages, in the order of `offsets`. */
  readonly pages: Uint8Array;
  /** Byte offsets in the block: first `normal` normal pages, then `zero` zero pages. */
  readonly offsets: Float64Array;
  /** Index in the block list. */
  block: number;
  normal: number;
  zero: number;
}

/**
 * Packets between a relay's incoming threads and its outgoing channels: a fixed number of slots in shared memory.
 * A slot passes from owner to owner by one atomic step. Their order does not matter: they are of one epoch.
 */
export class Transit {
  readonly descriptor: TransitDescriptor;
  readonly #words: Int32Array;
  readonly #slots: readonly Slot[];
  /** Where the last search ended. */
  #near = 0;

  constructor(descriptor: TransitDescriptor) {
    this.descriptor = descriptor;
    this.#words = new Int32Array(descriptor.words);
    const maxPages = maxPagesPerPacket(descriptor.pageSize);
    this.#slots = Array.from({ length: SLOTS }, (_, index) => ({
      index,
      pages: new Uint8Array(descriptor.pages, index * PACKET_PAYLOAD_SIZE, PACKET_PAYLOAD_SIZE),
      offsets: new Float64Array(descriptor.offsets, index * maxPages * 8, maxPages),
      block: 0,
      normal: 0,
      zero: 0,
    }));
  }

  static allocate(pageSize: number): Transit {
    const [pages] = allocateMemoryBlock('transit', SLOTS * PACKET_PAYLOAD_SIZE).segments;
    if (pages === undefined) throw new MultifdError('internal', 'no memory for packets in transit');
    return new Transit({
      pageSize,
      words: new SharedArrayBuffer((HEAD + SLOTS * WORDS) * 4),
      offsets: new SharedArrayBuffer(SLOTS * maxPagesPerPacket(pageSize) * 8),
      pages,
    });
  }

  /** API thread: everybody stops at the next wait. */
  abort(): void {
    Atomics.store(this.#words, ABORT, 1);
    for (const sequence of [FREED, FILLED, ZEROED]) change(this.#words, sequence);
  }

  /** Incoming: a slot to fill. Waits until one is free: so a slow destination slows the source down. */
  free(): Promise<Slot> {
    return waitUntil(this.#words, FREED, () => this.#take(FREE, FILLING));
  }

  /** Incoming: the slot's fields and bytes are complete. */
  fill(slot: Slot): void {
    this.#handOn(slot, FULL, FILLED);
  }

  /** Outgoing channel: a slot to send; undefined once `isOver` says so and none is left. */
  async full(isOver: () => boolean): Promise<Slot | undefined> {
    return waitUntil(this.#words, FILLED, () => {
      // Asked first: whatever was filled before the end is then seen.
      const over = isOver();
      return this.#take(FULL, SENDING) ?? (over ? null : undefined);
    }).then((slot) => slot ?? undefined);
  }

  /** Wakes the outgoing channels: `isOver` may have changed. */
  wakeChannels(): void {
    change(this.#words, FILLED);
  }

  /** Outgoing channel: everything of it was sent. */
  release(slot: Slot): void {
    this.#handOn(slot, FREE, FREED);
  }

  /** Outgoing channel: its normal pages were sent; its zero pages are main's to send. */
  passZeros(slot: Slot): void {
    this.#handOn(slot, ZEROS, ZEROED);
  }

  /** Main: a slot whose zero pages it has to send; undefined once `isOver` says so and none is left. */
  async zeros(isOver: () => boolean): Promise<Slot | undefined> {
    return waitUntil(this.#words, ZEROED, () => {
      const over = isOver();
      return this.#take(ZEROS, SENDING_ZEROS) ?? (over ? null : undefined);
    }).then((slot) => slot ?? undefined);
  }

  /** Wakes main: `isOver` may have changed. */
  wakeMain(): void {
    change(this.#words, ZEROED);
  }

  #take(from: number, to: number): Slot | undefined {
    if (Atomics.load(this.#words, ABORT) !== 0) throw new MultifdError('cancelled', 'the relay was aborted');
    for (let step = 0; step < SLOTS; step++) {
      const index = (this.#near + step) % SLOTS;
      const at = HEAD + index * WORDS;
      if (Atomics.compareExchange(this.#words, at + OWNER, from, to) !== from) continue;
      this.#near = index + 1;
      const slot = this.#slots[index];
      if (slot === undefined) break;
      slot.block = Atomics.load(this.#words, at + BLOCK);
      slot.normal = Atomics.load(this.#words, at + NORMAL);
      slot.zero = Atomics.load(this.#words, at + ZERO);
      return slot;
    }
    return undefined;
  }

  #handOn(slot: Slot, owner: number, sequence: number): void {
    const at = HEAD + slot.index * WORDS;
    Atomics.store(this.#words, at + BLOCK, slot.block);
    Atomics.store(this.#words, at + NORMAL, slot.normal);
    Atomics.store(this.#words, at + ZERO, slot.zero);
    Atomics.store(this.#words, at + OWNER, owner);
    change(this.#words, sequence);
  }
}

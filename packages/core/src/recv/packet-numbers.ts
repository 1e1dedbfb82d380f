import { FLAG_SYNC } from '../wire/layout.js';
import type { RamPacket } from '../wire/ram-packet.js';

/**
 * What the numbers of some packets add up to. All arithmetic is modulo 2^32.
 *
 * A source numbers the packets of all its channels with one count from 0 (docs/wire.md, 4.3). So up to a sync its
 * channels have sent the numbers from 0 on, each once. Channels of two sources do not fit together.
 */
export interface NumberTotals {
  /** Packets that count. */
  readonly count: number;
  /** Of these, SYNC packets with pages: QEMU up to 8.2 renumbers such a packet, and its first number never comes. */
  readonly renumbered: number;
  readonly sum: number;
  /** Sum of `scatter` of each number: sums of wrong numbers can be right, both together hardly ever are. */
  readonly hash: number;
}

/** One channel's totals at a sync. */
export interface ChannelTotals extends NumberTotals {
  /** Number of the last packet, the SYNC packet. */
  readonly last: number;
}

/** Adds up the numbers of one channel's packets. */
export class ChannelNumbers implements ChannelTotals {
  count = 0;
  renumbered = 0;
  sum = 0;
  hash = 0;
  last = -1;

  add({ flags, normalPages, zeroPages, packetNumber }: RamPacket): void {
    const number = packetNumber | 0;
    const hasPages = normalPages + zeroPages > 0;
    const isSync = (flags & FLAG_SYNC) !== 0;
    // QEMU up to 8.2 sends an empty packet behind a SYNC packet with pages, and repeats the number.
    if (!hasPages && !isSync && number === this.last) return;
    if (hasPages && isSync) this.renumbered++;
    this.count = (this.count + 1) | 0;
    this.sum = (this.sum + number) | 0;
    this.hash = (this.hash + scatter(number)) | 0;
    this.last = number;
  }
}

/** Checks at each sync that one source can have sent what came on all channels since the last one. */
export class NumberCheck {
  /** Totals of all channels up to the last sync. */
  #before: NumberTotals = { count: 0, renumbered: 0, sum: 0, hash: 0 };

  /**
   * @param channels totals of each channel since its first packet, in the order of the channels.
   * @returns the numbers that should have come, if others have.
   */
  mismatch(
    channels: readonly ChannelTotals[],
  ): { readonly first: number; readonly last: number } | undefined {
    // A source that numbers nothing: all are 0. If other numbers follow, the next check covers these packets too.
    if (channels.every(({ sum, hash }) => sum === 0 && hash === 0)) return undefined;
    const now = totalOf(channels);
    const first = (this.#before.count + this.#before.renumbered) | 0;
    const end = (now.count + now.renumbered) | 0;
    if (!this.#fits(now, channels, first, end)) return { first: first >>> 0, last: (end - 1) >>> 0 };
    this.#before = now;
    return undefined;
  }

  #fits(now: NumberTotals, channels: readonly ChannelTotals[], first: number, end: number): boolean {
    const before = this.#before;
    const due = totalOfRange(first, end);
    const missing = {
      count: now.renumbered - before.renumbered,
      sum: (due.sum - (now.sum - before.sum)) | 0,
      hash: (due.hash - (now.hash - before.hash)) | 0,
    };
    if (missing.count === 0) return missing.sum === 0 && missing.hash === 0;
    // Which numbers are missing is known only if it is one. But a source that renumbers numbers its SYNC packets last,
    // in the order of the channels.
    if (!areLastInOrder(channels, end)) return false;
    return missing.count > 1 || missing.hash === scatter(missing.sum);
  }
}

function totalOf(channels: readonly ChannelTotals[]): NumberTotals {
  const total = { count: 0, renumbered: 0, sum: 0, hash: 0 };
  for (const { count, renumbered, sum, hash } of channels) {
    total.count = (total.count + count) | 0;
    total.renumbered = (total.renumbered + renumbered) | 0;
    total.sum = (total.sum + sum) | 0;
    total.hash = (total.hash + hash) | 0;
  }
  return total;
}

/** Of the numbers from `first` up to, and without, `end`. */
function totalOfRange(first: number, end: number): { readonly sum: number; readonly hash: number } {
  let sum = 0;
  let hash = 0;
  for (let number = first; number !== end; number = (number + 1) | 0) {
    sum = (sum + number) | 0;
    hash = (hash + scatter(number)) | 0;
  }
  return { sum, hash };
}

function areLastInOrder(channels: readonly ChannelTotals[], end: number): boolean {
  return channels.every(({ last }, channel) => last === ((end - channels.length + channel) | 0));
}

/** Maps neighbouring numbers far apart: the last step of MurmurHash3, and 0 to 0. */
function scatter(number: number): number {
  let bits = number;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return bits ^ (bits >>> 16);
}

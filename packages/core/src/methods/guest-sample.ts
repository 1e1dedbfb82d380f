import { setImmediate as eventLoopTurn } from 'node:timers/promises';
import type { RamBlock } from '../ram/block.js';
import { type GuestRamDescriptor, openRamBlock } from '../ram/guest-ram.js';
import { maxPagesPerPacket, PACKET_PAYLOAD_SIZE } from '../wire/layout.js';
import type { OutgoingPages } from './methods.js';

/** A sample of a guest: copies of nonzero pages, grouped into packets. */
export interface GuestSample {
  /** Page size in bytes. */
  readonly pageSize: number;
  /** Their `vectors` are the sample's own memory; their blocks stay open until `close`. */
  readonly packets: readonly OutgoingPages[];
  close(): void;
}

/** A place to sample: a byte offset in a block, not necessarily page-aligned. */
export interface SamplePlace {
  /** Index of the block. */
  readonly block: number;
  readonly offset: number;
}

export interface GuestSampleOptions {
  /** Most packets, of up to 512 KiB each. */
  readonly packets: number;
  /** More places to sample when most of the guest is zero: they are known to hold data. */
  readonly known?: readonly SamplePlace[];
  /** Ends the search early: the sample is what was found so far. */
  readonly signal?: AbortSignal;
}

/** Packets' worth of memory to search in each place for one packet of nonzero pages. */
const LOOKED_AT = 4;
/** Limit, in places for each packet, up to which the search widens while it finds only zero pages. */
const PLACES_PER_PACKET = 32;

/**
 * Takes packets from places spread evenly over the guest, and from more and more places while they are all zero. The
 * guest may run. Yields to the event loop after each place.
 * @throws MultifdError `io` if memory cannot be read.
 */
export async function sampleGuest(
  ram: GuestRamDescriptor,
  { packets, known = [], signal }: GuestSampleOptions,
): Promise<GuestSample> {
  const blocks = await Promise.all(ram.blocks.map(openRamBlock));
  const close = (): void => {
    for (const block of blocks) block.close();
  };
  const found: OutgoingPages[] = [];
  try {
    for (const place of [...spread(blocks, packets), ...known]) {
      if (found.length === packets || signal?.aborted) break;
      const block = blocks[place.block];
      const pages = block === undefined ? undefined : gather(block, place.offset, ram.pageSize);
      if (pages !== undefined) found.push(pages);
      await eventLoopTurn();
    }
  } catch (error) {
    close();
    throw error;
  }
  return { pageSize: ram.pageSize, packets: found, close };
}

/** Places spread evenly over all blocks laid end to end: `count` of them, then twice as many, and so on. */
function* spread(blocks: readonly RamBlock[], count: number): Generator<SamplePlace> {
  const total = blocks.reduce((sum, { length }) => sum + length, 0);
  for (let places = count; places <= count * PLACES_PER_PACKET; places *= 2) {
    for (let index = 0; index < places; index++) {
      let offset = Math.floor(((index + 0.5) * total) / places);
      const block = blocks.findIndex(({ length }) => {
        if (offset < length) return true;
        offset -= length;
        return false;
      });
      if (block >= 0) yield { block, offset };
    }
  }
}

/** A copy of the nonzero pages from `offset` on, at most one packet of them; undefined if there is none. */
function gather(block: RamBlock, offset: number, pageSize: number): OutgoingPages | undefined {
  const most = maxPagesPerPacket(pageSize);
  const pages = new Uint8Array(PACKET_PAYLOAD_SIZE);
  const offsets = new Float64Array(most);
  const zeros = new Uint8Array(pageSize);
  const scratch = new Uint8Array(pageSize);
  let count = 0;
  const start = Math.floor(offset / pageSize) * pageSize;
  const end = Math.min(block.length, start + LOOKED_AT * PACKET_PAYLOAD_SIZE);
  for (let at = start; at < end && count < most; at += pageSize) {
    if (block.absent(at, pageSize) > 0) continue;
    const page = pages.subarray(count * pageSize, (count + 1) * pageSize);
    page.set(block.read(at, pageSize, scratch));
    if (Buffer.compare(page, zeros) === 0) continue;
    offsets[count++] = at;
  }
  if (count === 0) return undefined;
  return { block, offsets, count, vectors: [pages.subarray(0, count * pageSize)] };
}

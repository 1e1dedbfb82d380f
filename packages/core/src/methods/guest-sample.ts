import { setImmediate as eventLoopTurn } from 'node:timers/promises';
import type { RamBlock } from '../ram/block.js';
import { type GuestRamDescriptor, openRamBlock } from '../ram/guest-ram.js';
import { maxPagesPerPacket, PACKET_PAYLOAD_SIZE } from '../wire/layout.js';
import type { OutgoingPages } from './methods.js';

/** A little of a guest: copies of pages that are not zero, put into packets. */
export interface GuestSample {
  /** Bytes of a page. */
  readonly pageSize: number;
  /** Their `vectors` are this sample's own memory, their blocks open until `close`. */
  readonly packets: readonly OutgoingPages[];
  close(): void;
}

/** Where to look: byte offset in a block, which may lie within a page. */
export interface SamplePlace {
  /** Index of the block. */
  readonly block: number;
  readonly offset: number;
}

export interface GuestSampleOptions {
  /** Most packets, of up to 512 KiB each. */
  readonly packets: number;
  /** Where else to look when most of the guest is zero: places that are known to hold something. */
  readonly known?: readonly SamplePlace[];
  /** Ends the search: what was found so far is the sample. */
  readonly signal?: AbortSignal;
}

/** So many packets' worth of memory is looked at in each place, before what was found has to do. */
const LOOKED_AT = 4;
/** How many times as many places as packets are looked at, while they hold nothing but zero pages. */
const PLACES_PER_PACKET = 32;

/**
 * Takes packets from places that are spread evenly over the guest, in more and more places while they are all zero. The
 * guest may run. Other work of this thread gets its turn after each place.
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

/** Places spread evenly over all blocks as one row: `count` of them, then twice as many between those, and so on. */
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

/** A copy of the pages from `offset` on that are not zero, a packet of them at most; undefined if there is none. */
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

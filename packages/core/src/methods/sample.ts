import { setImmediate as eventLoopTurn } from 'node:timers/promises';
import type { RamBlock } from '../ram/block.js';
import { type GuestRamDescriptor, openRamBlock } from '../ram/guest-ram.js';
import { maxPagesPerPacket, PACKET_PAYLOAD_SIZE } from '../wire/layout.js';
import type { MethodOptions, MultiFDMethods, SendHooks } from './methods.js';

/** What a method made of a few packets of a guest. */
export interface MethodSample {
  /** Packets that were made: fewer than asked for where there is little but zero pages, or none. */
  readonly packets: number;
  /** Bytes of their pages, none of them zero pages. */
  readonly pageBytes: number;
  /** Bytes of their payloads. */
  readonly payloadBytes: number;
  /** ms that the method took, without reading the pages. */
  readonly duration: number;
}

export interface SampleOptions {
  /** Packets of up to 512 KiB, spread evenly over the guest. Default 4. */
  readonly packets?: number;
  readonly settings?: MethodOptions['settings'];
}

/** So many packets' worth of memory is looked at for each packet, before what was found has to do. */
const LOOKED_AT = 4;

/**
 * Tries a method on a little of a guest, in this thread, as a channel would: for choosing a method, or for telling what
 * one brings. The guest may run. Each packet holds this thread for as long as it takes; other work gets its turn between
 * two of them.
 *
 * @param method from `loadMethod`.
 * @throws MultifdError `usage` for its settings, `io` if memory cannot be read; whatever the method throws.
 */
export async function sampleMethod(
  method: MultiFDMethods,
  ram: GuestRamDescriptor,
  { packets = 4, settings = {} }: SampleOptions = {},
): Promise<MethodSample> {
  const { pageSize } = ram;
  const maxPages = maxPagesPerPacket(pageSize);
  const blocks = await Promise.all(ram.blocks.map(openRamBlock));
  let hooks: SendHooks | undefined;
  const sample = { packets: 0, pageBytes: 0, payloadBytes: 0, duration: 0 };
  try {
    hooks = await method.sendSetup({ channel: 0, pageSize, maxPages, settings });
    for (const place of places(blocks, packets)) {
      const { pages, offsets } = gather(place, pageSize, maxPages);
      if (pages.length === 0) continue;
      const start = performance.now();
      const count = pages.length / pageSize;
      const prepared = await hooks.prepare({ block: place.block, offsets, count, vectors: [pages] });
      sample.duration += performance.now() - start;
      sample.packets++;
      sample.pageBytes += pages.length;
      sample.payloadBytes += prepared.size;
      prepared.release?.();
      await eventLoopTurn();
    }
    return sample;
  } finally {
    await hooks?.cleanup();
    for (const block of blocks) block.close();
  }
}

interface Place {
  readonly block: RamBlock;
  /** Byte offset in the block; not yet at a page's start. */
  readonly offset: number;
}

/** Places that are spread evenly over all blocks, as one row. */
function places(blocks: readonly RamBlock[], count: number): Place[] {
  const total = blocks.reduce((sum, { length }) => sum + length, 0);
  return Array.from({ length: count }, (_, index) => {
    let offset = Math.floor(((index + 0.5) * total) / count);
    const block = blocks.find(({ length }) => {
      if (offset < length) return true;
      offset -= length;
      return false;
    });
    return block === undefined ? [] : [{ block, offset }];
  }).flat();
}

/** A copy of the pages from a place on that are not zero: a packet of them at most. */
function gather({ block, offset }: Place, pageSize: number, maxPages: number) {
  const pages = new Uint8Array(PACKET_PAYLOAD_SIZE);
  const offsets = new Float64Array(maxPages);
  const zeros = new Uint8Array(pageSize);
  const scratch = new Uint8Array(pageSize);
  let count = 0;
  const start = Math.floor(offset / pageSize) * pageSize;
  const end = Math.min(block.length, start + LOOKED_AT * PACKET_PAYLOAD_SIZE);
  for (let at = start; at < end && count < maxPages; at += pageSize) {
    if (block.absent(at, pageSize) > 0) continue;
    const page = pages.subarray(count * pageSize, (count + 1) * pageSize);
    page.set(block.read(at, pageSize, scratch));
    if (Buffer.compare(page, zeros) === 0) continue;
    offsets[count++] = at;
  }
  return { pages: pages.subarray(0, count * pageSize), offsets };
}

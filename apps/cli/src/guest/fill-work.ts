import { type GuestRamDescriptor, MultifdError, type RamBlock } from '@multifd/core/ram';
import type { DemoSource } from '../options/sources.js';
import { pageWriter } from './page-content.js';
import { mix } from './random.js';

/** What a filling thread is started with. */
export interface FillSetup {
  readonly ram: GuestRamDescriptor;
  readonly source: DemoSource;
  /** One Int32, shared by all filling threads: the next piece that nobody has taken. */
  readonly cursor: SharedArrayBuffer;
}

/** Bytes that one thread fills before it takes the next piece. Divides every window. */
const PIECE = 4 * 2 ** 20;
/** Bytes. */
const HUGE_PAGE = 2 * 2 ** 20;

/**
 * Fills pieces until none is left. What a page gets depends on the seed, its block and its number only.
 * @param blocks of `ram`, open in this thread, in place.
 */
export function fillPieces({ ram, source, cursor }: FillSetup, blocks: readonly RamBlock[]): void {
  const next = new Int32Array(cursor);
  let taken = Atomics.add(next, 0, 1);
  let piece = 0;
  blocks.forEach((block, blockIndex) => {
    for (let offset = 0; offset < block.length; offset += PIECE, piece++) {
      if (piece !== taken) continue;
      const length = Math.min(PIECE, block.length - offset);
      announce(block, offset, length, (page) => isWritten(source, blockIndex, page), ram.pageSize);
      const words = wordsOf(block, offset, length);
      fillPages(words, offset, blockIndex, ram.pageSize, source);
      taken = Atomics.add(next, 0, 1);
    }
  });
}

/** Tells the block which pages are going to be written, for each huge page by itself. */
function announce(
  block: RamBlock,
  offset: number,
  length: number,
  isWritten: (page: number) => boolean,
  pageSize: number,
): void {
  if (block.announce === undefined) return;
  const offsets = new Float64Array(HUGE_PAGE / pageSize);
  for (let start = offset; start < offset + length; start += HUGE_PAGE) {
    const end = Math.min(start + HUGE_PAGE, offset + length);
    let count = 0;
    for (let at = start; at < end; at += pageSize) if (isWritten(at / pageSize)) offsets[count++] = at;
    block.announce(offsets, count, pageSize);
  }
}

function isWritten({ seed, zero, populate }: DemoSource, block: number, page: number): boolean {
  return populate || !isZeroPage(pageSeed(seed, block, page), zero);
}

/** A piece of guest memory itself as 32-bit words; it lies within one window. */
export function wordsOf(block: RamBlock, offset: number, length: number): Int32Array {
  const window = block.window(offset, length);
  if (window === undefined) throw new MultifdError('internal', `RAM block ${block.name} is not in place`);
  return new Int32Array(window.buffer, window.byteOffset, length / 4);
}

/** @param blockOffset bytes in the block of the first word. */
function fillPages(
  words: Int32Array,
  blockOffset: number,
  blockIndex: number,
  pageSize: number,
  source: DemoSource,
): void {
  const write = pageWriter(source.fill);
  const perPage = pageSize / 4;
  for (let done = 0; done < words.byteLength; done += pageSize) {
    const seed = pageSeed(source.seed, blockIndex, (blockOffset + done) / pageSize);
    const first = done / 4;
    if (!isZeroPage(seed, source.zero)) write(words, first, perPage, seed);
    else if (source.populate) words.fill(0, first, first + perPage);
  }
}

/** 0 to 2^32-1. */
export function pageSeed(seed: number, block: number, page: number): number {
  return mix(mix(seed ^ Math.imul(block + 1, 0x9e3779b1)) + page);
}

/** Zero pages are mixed evenly among the others. `share` 0: none; 1: all. */
export function isZeroPage(seed: number, share: number): boolean {
  return mix(seed ^ 0x27d4eb2f) < share * 2 ** 32;
}

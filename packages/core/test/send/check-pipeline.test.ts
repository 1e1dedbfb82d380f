import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { testSeed } from '@multifd/testing/random';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import type { RamBlockDescriptor } from '../../src/ram/block.js';
import { DirtyBitmap } from '../../src/ram/dirty-bitmap.js';
import { RangeTable } from '../../src/ram/ranges.js';
import { openToSend } from '../../src/ram/sending-block.js';
import { CheckPipeline } from '../../src/send/check-pipeline.js';
import { loadAccelerator } from '../../src/zero/load.js';
import { PageChecker } from '../../src/zero/page-checker.js';
import { PLAIN } from '../support/fixtures.js';
import { gathering, type Seen, seenHere } from '../support/gathering.js';
import { createGuestRam, MIB } from '../support/ram.js';

const PAGE = 4096;
const PAGES_OF_RANGE = 1024;
const seed = testSeed();

let seen: Seen;
beforeEach(async () => {
  seen = await seenHere();
  seen.sizes.length = 0;
  seen.mostAtWork = 0;
});

const folder = mkdtempSync(join(tmpdir(), 'multifd-pipeline-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Checked {
  readonly index: number;
  readonly offset: number;
  readonly answer: number;
}

/** Everything that a pipeline gives for these blocks, in its order; `claims` is how far it had claimed each time. */
async function checkAll(
  blocks: readonly RamBlockDescriptor[],
  accelerator: typeof PLAIN,
  dirty: readonly DirtyBitmap[],
  fairShare = 1000,
): Promise<{ pages: Checked[]; claims: number[] }> {
  const checker = await PageChecker.open(await loadAccelerator(accelerator), PAGE, 5000);
  const table = new RangeTable(blocks);
  const opened = await Promise.all(blocks.map(openToSend));
  let next = 0;
  const pipeline = new CheckPipeline(PAGE, checker, {
    claim() {
      if (next === table.count) return undefined;
      const range = table.at(next);
      const sending = opened[range.block];
      const bitmap = dirty[range.block];
      if (sending === undefined || bitmap === undefined) throw new Error('no such block');
      return { index: next++, range, sending, dirty: bitmap };
    },
    fairShare: () => fairShare,
  });
  const pages: Checked[] = [];
  const claims: number[] = [];
  for (let scanned = await pipeline.next(); scanned !== undefined; scanned = await pipeline.next()) {
    const { claimed, count, offsets, answers, memory } = scanned;
    claims.push(next - claimed.index);
    for (let page = 0; page < count; page++) {
      const offset = offsets[page] ?? -1;
      const answer = answers[page] ?? -1;
      pages.push({ index: claimed.index, offset, answer });
      // What is sent is what was looked at.
      const at = offset - claimed.range.offset;
      const isZero = memory.subarray(at, at + PAGE).every((byte) => byte === 0);
      if (isZero !== (answer === 1) && claimed.sending.inPlace) throw new Error(`wrong at ${offset}`);
    }
  }
  await checker.close();
  for (const block of opened) block.close();
  return { pages, claims };
}

function allDirty(blocks: readonly RamBlockDescriptor[]): DirtyBitmap[] {
  return blocks.map(({ length }) => {
    const bitmap = DirtyBitmap.allocate(length / PAGE);
    for (let page = 0; page < length / PAGE; page++) bitmap.mark(page);
    return bitmap;
  });
}

describe('CheckPipeline', () => {
  it('gathers batches as large as the accelerator likes, as many at a time as it takes', async () => {
    const { blocks } = createGuestRam({ seed, blocks: [{ name: 'pc.ram', length: 97 * MIB }] });
    const { pages } = await checkAll(blocks, gathering('gathers'), allDirty(blocks));
    expect(pages).toEqual((await checkAll(blocks, PLAIN, allDirty(blocks))).pages);
    expect(seen.mostAtWork).toBe(3);
    // 24 whole ranges, four to a batch, and what is left.
    expect(seen.sizes).toEqual([...Array<number>(6).fill(4096), 256]);
  });

  it('gathers what is scattered: few dirty pages of many ranges are one batch', async () => {
    const { blocks } = createGuestRam({ seed, blocks: [{ name: 'pc.ram', length: 64 * MIB }] });
    const scattered = () => {
      const bitmap = DirtyBitmap.allocate((64 * MIB) / PAGE);
      for (let page = 5; page < (64 * MIB) / PAGE; page += 100) bitmap.mark(page);
      return [bitmap];
    };
    const { pages } = await checkAll(blocks, gathering('gathers'), scattered());
    expect(pages).toEqual((await checkAll(blocks, PLAIN, scattered())).pages);
    expect(pages).toHaveLength(164);
    expect(seen.sizes).toEqual([164]);
  });

  it('no batch goes over two blocks, and no range is lost between them', async () => {
    const names = ['a', 'b', 'c'];
    const { blocks } = createGuestRam({ seed, blocks: names.map((name) => ({ name, length: 9 * MIB })) });
    const { pages } = await checkAll(blocks, gathering('gathers'), allDirty(blocks));
    expect(pages).toEqual((await checkAll(blocks, PLAIN, allDirty(blocks))).pages);
    expect(seen.sizes).toEqual([2304, 2304, 2304]);
  });

  it('one batch at a time: a range is claimed when the one before is done with', async () => {
    const { blocks } = createGuestRam({ seed, blocks: [{ name: 'pc.ram', length: 24 * MIB }] });
    const { claims } = await checkAll(blocks, PLAIN, allDirty(blocks));
    expect(claims).toEqual([1, 1, 1, 1, 1, 1]);
  });

  it('leaves others their share', async () => {
    const { blocks } = createGuestRam({ seed, blocks: [{ name: 'pc.ram', length: 64 * MIB }] });
    const { claims } = await checkAll(blocks, gathering('gathers'), allDirty(blocks), 1);
    expect(seen.sizes).toEqual(Array<number>(16).fill(PAGES_OF_RANGE));
    // Three in flight and the one that is handed out.
    expect(Math.max(...claims)).toBe(4);
  });

  it('of a file, holes and all', async () => {
    const path = join(folder, 'ram');
    const bytes = new Uint8Array(21 * MIB);
    for (let page = 0; page < bytes.length / PAGE; page += 3) bytes[page * PAGE + (page % PAGE)] = 1;
    writeFileSync(path, bytes);
    const extents = Float64Array.of(0, 3 * MIB, 5 * MIB, 6 * MIB, 9 * MIB, 21 * MIB);
    const block = {
      kind: 'file',
      name: 'pc.ram',
      length: bytes.length,
      path,
      writable: false,
      extents,
    } as const;
    const { pages } = await checkAll([block], gathering('gathers'), allDirty([block]));
    const holes = (offset: number) =>
      (offset >= 3 * MIB && offset < 5 * MIB) || (offset >= 6 * MIB && offset < 9 * MIB);
    expect(pages.map(({ answer }) => answer)).toEqual(
      Array.from({ length: bytes.length / PAGE }, (_, page) =>
        holes(page * PAGE) || page % 3 !== 0 ? 1 : 0,
      ),
    );
    expect(Math.max(...seen.sizes)).toBeGreaterThan(PAGES_OF_RANGE);
    rmSync(path);
  });
});

import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  addressOf,
  CHANGED,
  changedPages,
  MIB,
  PAGE,
  PLANS,
  parseGuest,
  plansOf,
  type RestGuest,
  runsOf,
  somePages,
} from '../../bench/store/guests.ts';
import { changedOf, contentOf, writeImage } from '../../bench/store/image.ts';
import { peakOf } from '../../bench/store/multifd.ts';
import {
  OPERATIONS,
  rotated,
  roundsOf,
  type Sample,
  type Series,
  wholeTurns,
  withSample,
} from '../../bench/store/samples.ts';
import { dropFromCache, onDisk } from '../../bench/store/system.ts';
import { nameOf, storeFindings, storeMachine, storeTables } from '../../bench/store/tables.ts';
import { random } from '../../src/bench/text-page.js';
import { tempDirectory } from '../helpers/temp.js';

const SMALL: RestGuest = { size: 64 * MIB, content: 8 * MIB };

describe('guests of the benchmark of stores', () => {
  it.each([...PLANS.map(({ guest }) => guest), SMALL, { size: 4 * MIB, content: 2 * MIB }])(
    'has exactly its content, in runs that lie apart and within it: %o',
    (guest) => {
      const runs = runsOf(guest, random(1));
      let end = 0;
      let pages = 0;
      for (const run of runs) {
        expect(run.pages).toBeGreaterThan(0);
        expect(run.first).toBeGreaterThanOrEqual(end);
        end = run.first + run.pages;
        pages += run.pages;
      }
      expect(end).toBeLessThanOrEqual(guest.size / PAGE);
      expect(pages).toBe(guest.content / PAGE);
    },
  );

  it('changes single pages of the content, each once, in order', () => {
    const runs = [
      { first: 10, pages: 100 },
      { first: 1000, pages: 100 },
    ];
    const changed = changedPages(runs, 0.1, random(3));
    expect(changed).toHaveLength(20);
    expect(changed).toEqual([...new Set(changed)].toSorted((a, b) => a - b));
    for (const page of changed) {
      expect(runs.some(({ first, pages }) => page >= first && page < first + pages)).toBe(true);
    }
  });

  it('writes both images: they differ in the changed pages only, and what has no content is a hole', () => {
    const folder = tempDirectory();
    const [first, later] = [join(folder, 'first'), join(folder, 'later')];
    writeImage(first, SMALL, 'first');
    writeImage(later, SMALL, 'later');
    const [before, now] = [readFileSync(first), readFileSync(later)];
    expect(before.length).toBe(SMALL.size);
    expect(statSync(later).blocks * 512).toBeLessThan(SMALL.content + MIB);
    const pageOf = (image: Buffer, page: number) => image.subarray(page * PAGE, (page + 1) * PAGE);
    const differing: number[] = [];
    const content: number[] = [];
    for (let page = 0; page < SMALL.size / PAGE; page++) {
      if (!pageOf(before, page).equals(pageOf(now, page))) differing.push(page);
      if (pageOf(before, page).some((byte) => byte !== 0)) content.push(page);
    }
    expect(differing).toEqual(changedOf(SMALL));
    expect(differing).toHaveLength(Math.round((SMALL.content / PAGE) * CHANGED));
    expect(content).toEqual(
      contentOf(SMALL).flatMap(({ first, pages }) =>
        Array.from({ length: pages }, (_, index) => first + index),
      ),
    );
  });

  it('knows where a page is in a PC: behind 2 GiB it lies above 4 GiB', () => {
    const gib = 2 ** 30;
    expect(addressOf(5, 64 * MIB)).toBe(5 * PAGE);
    expect(addressOf((2 * gib) / PAGE, 2.5 * gib)).toBe(2 * gib);
    expect(addressOf((2 * gib) / PAGE - 1, 4 * gib)).toBe(2 * gib - PAGE);
    expect(addressOf((2 * gib) / PAGE, 4 * gib)).toBe(4 * gib);
  });

  it('compares some pages, of these none below 1 MiB', () => {
    const pages = Array.from({ length: 1000 }, (_, index) => index);
    const some = somePages(pages, 32);
    expect(some.length).toBeGreaterThan(16);
    expect(some.length).toBeLessThanOrEqual(32);
    expect(Math.min(...some)).toBe(256);
    expect(somePages([300], 32)).toEqual([300]);
  });

  it('reads guests and runs from the command line', () => {
    expect(parseGuest('64:8')).toEqual(SMALL);
    expect(plansOf(undefined, undefined)).toEqual(PLANS);
    expect(plansOf(['64:8'], undefined)).toEqual([{ guest: SMALL, runs: 5 }]);
    expect(plansOf(undefined, '1').map(({ runs }) => runs)).toEqual([1, 1]);
    for (const runs of ['0', '', 'x', '1.5', '-1']) {
      expect(() => plansOf(['64:8'], runs), runs).toThrow(`--runs ${runs}: give a number`);
    }
    for (const text of ['64', '64:0', '64:3', '64:34', '64:4:1', 'x:2', '-64:4']) {
      expect(() => parseGuest(text), text).toThrow(`--guest ${text}: give SIZE:CONTENT in MiB`);
    }
  });
});

describe('what was measured of stores', () => {
  it('keeps samples by guest, operation and contender', () => {
    const turn = { guest: SMALL, operation: 'first', contender: 'file:' } as const;
    let all = withSample([], turn, sample(1));
    all = withSample(all, { ...turn, operation: 'later' }, sample(2));
    all = withSample(all, { ...turn, guest: { size: 128 * MIB, content: 8 * MIB } }, sample(3));
    all = withSample(all, { ...turn, guest: { ...SMALL } }, sample(4));
    expect(all.map(({ samples }) => samples.map(({ ms }) => ms))).toEqual([[1, 4], [2], [3]]);
  });

  it('goes on behind the rounds that all contenders have taken', () => {
    const two = { multifd: null };
    const all = OPERATIONS.flatMap((operation) => [
      series(operation, 'a', [1, 2], two, null),
      series(operation, 'b', operation === 'restore' ? [1] : [1, 2], two, null),
    ]);
    expect(roundsOf(all, SMALL, ['a', 'b'])).toBe(1);
    expect(roundsOf(all, SMALL, ['a'])).toBe(2);
    expect(roundsOf(all, SMALL, ['a', 'c'])).toBe(0);
    expect(roundsOf(all, { ...SMALL, size: 1 }, ['a'])).toBe(0);
    expect(wholeTurns(all, ['a', 'b']).map(({ samples }) => samples.length)).toEqual([2, 2, 2, 2, 1, 1]);
    expect(wholeTurns(all, ['a', 'c'])).toEqual([]);
  });

  it('lets another one begin in each round', () => {
    expect([0, 1, 2, 3].map((by) => rotated(['a', 'b', 'c'], by).join(''))).toEqual([
      'abc',
      'bca',
      'cab',
      'abc',
    ]);
    expect(rotated([], 2)).toEqual([]);
  });

  it('reads the peak of the end that was here from a document', () => {
    expect(peakOf('{"peak-rss":{"destination":7}}', 'destination')).toBe(7);
    expect(peakOf('{"peak-rss":{"destination":7}}', 'source')).toBeUndefined();
    expect(peakOf('{"status":"failed"}', 'source')).toBeUndefined();
    expect(peakOf('', 'source')).toBeUndefined();
  });

  it('counts what files take on the disk, holes not', async () => {
    const folder = tempDirectory();
    const before = onDisk(folder);
    writeImage(join(folder, 'image'), SMALL, 'first');
    expect(before).toBe(0);
    expect(onDisk(folder)).toBe(statSync(join(folder, 'image')).blocks * 512);
    await dropFromCache(folder, new AbortController().signal);
    expect(readFileSync(join(folder, 'image')).length).toBe(SMALL.size);
  });

  it('makes tables and sentences, losses too', () => {
    const samples = {
      environment: { cpu: 'A CPU', cores: 2, qemu: '10.0.2', commit: 'abc', date: '2026-11-30T20:00:00Z' },
      channels: 2,
      series: [
        series('first', 'store:DIR', [4000, 6000], { multifd: 300 * MIB }, 10),
        series('first', 'file:', [2000, 2000], { multifd: 100 * MIB }, 40),
        series('first', 'mapped-ram of QEMU 10.0.2', [8000, 9000], { multifd: null }, 40),
        series('restore', 'store:DIR', [1000, 1100], { multifd: 200 * MIB }, null),
        series('restore', 'file:', [1010, 1000], { multifd: 100 * MIB }, null),
      ],
    };
    const lines = storeTables(samples).split('\n');
    expect(nameOf(SMALL)).toBe('64 MiB, 8 MiB of it text');
    expect(lines[0]).toBe('**64 MiB, 8 MiB of it text**');
    const cells = lines.slice(4).map((line) =>
      line
        .split('|')
        .map((cell) => cell.trim())
        .slice(1, -1),
    );
    expect(cells[0]).toEqual([
      ...[
        'first snapshot: store:DIR',
        '5 (4-6)',
        '2.5 (2-3)',
        '0.583 (0.5-0.667)',
        '5 (4-6)',
        '2',
        '300',
        '50',
        '10',
      ],
    ]);
    expect(cells[1]?.slice(2, 4)).toEqual(['-', '0.236 (0.222-0.25)']);
    expect(cells[2]?.slice(3, 7)).toEqual(['-', '8.5 (8-9)', '1', '-']);
    expect(cells[3]?.slice(2, 5)).toEqual(['1.05 (0.99-1.1)', '-', '-']);
    expect(storeFindings(samples).split('\n')).toEqual([
      '- **64 MiB, 8 MiB of it text, first snapshot:** store:DIR was slower than file: (2.5 times as long), with 1 times its CPU time ' +
        'and 0.25 times its space; was faster than mapped-ram of QEMU 10.0.2 (1.71 times as fast), with 2 times its CPU time and ' +
        '0.25 times its space. It had 300 MiB of memory at most.',
      '- **64 MiB, 8 MiB of it text, restore:** store:DIR took about as long as file: (1.05 times, 0.99 to 1.1), with 1 times its CPU ' +
        'time. It had 200 MiB of memory at most.',
    ]);
    expect(storeMachine(samples)).toContain(
      'Runs of each, in turns: 2; median (lowest-highest). Right before 0 of the 10 runs something else',
    );
  });
});

function sample(ms: number): Sample {
  return {
    ms,
    waited: ms,
    cpu: { qemu: 1000, multifd: 1000 },
    peakRss: { qemu: 50 * MIB, multifd: 300 * MIB },
    disk: 10 * MIB,
    others: 0,
    load: 0.5,
  };
}

function series(
  operation: Series['operation'],
  contender: string,
  times: readonly number[],
  { multifd }: { readonly multifd: number | null },
  disk: number | null,
): Series {
  const samples = times.map((ms) => ({
    ...sample(ms),
    waited: operation === 'restore' ? null : ms,
    cpu: { qemu: 1000, multifd: multifd === null ? null : 1000 },
    peakRss: { qemu: 50 * MIB, multifd },
    disk: disk === null ? null : disk * MIB,
  }));
  return { guest: SMALL, operation, contender, samples };
}

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { split } from '../../src/bench/ceiling-parts.js';
import type { Environment } from '../../src/bench/environment.js';
import { figure, GIB, MIB, median, spread } from '../../src/bench/figures.js';
import { type PageFill, random } from '../../src/bench/page-fills.js';
import { ratios, resultsOf } from '../../src/bench/results.js';
import { nameOf, type Row, rowsOf, touchedBy } from '../../src/bench/rows.js';
import type { Sample, Series } from '../../src/bench/sample.js';
import {
  prepareSamples,
  readSamples,
  samplesToKeep,
  withSeries,
  writeSamples,
} from '../../src/bench/samples-file.js';
import { contentShare, pageFill, SCENARIOS } from '../../src/bench/scenarios.js';
import { benchText, findingLine, findings } from '../../src/bench/tables.js';
import { parseChannelCounts, parseGuestSize, parseScenarios } from '../../src/options/bench-options.js';
import { benchDocument } from '../../src/report/bench-document.js';
import { tempDirectory } from '../helpers/temp.js';

const HERE: Environment = {
  cpu: 'A CPU',
  cores: 2,
  memoryGiB: 24,
  system: 'linux 6.18',
  node: '26.10.0',
  arch: 'x64',
  multifd: '0.1.0',
  date: '2026-11-29T04:00:00.000Z',
  loadBefore: 0.5,
};

const ROW: Row = {
  scenario: 'full',
  size: 4 * GIB,
  channels: 2,
  detection: 'multifd',
  compression: 'none',
  level: null,
};

function sample(ms: number, cpu = ms): Sample {
  const ends = (value: number) => ({ source: value, destination: value });
  return {
    ms,
    setup: 10,
    downtime: 20,
    transferred: 4 * GIB,
    cpu: ends(cpu / 2),
    peakRss: ends(100 * MIB),
    faults: ends(1000),
    others: 0,
  };
}

function series(contender: string, times: readonly number[], more: Partial<Series> = {}): Series {
  return {
    row: ROW,
    contender,
    kind: contender.startsWith('QEMU') ? 'peer' : 'multifd',
    date: HERE.date,
    multifd: HERE.multifd,
    samples: times.map((ms) => sample(ms)),
    ...more,
  };
}

describe('rows', () => {
  const choice = {
    scenarios: ['full', 'zero'],
    size: GIB,
    channels: [1, 2, 4],
    detections: undefined,
    compressions: ['none'],
    levels: { zlib: 1 },
  } as const;

  it('are multifd with each number of channels, and legacy and none with two', () => {
    expect(rowsOf(choice).map(nameOf)).toEqual(
      ['full', 'zero'].flatMap((scenario) => [
        `1 GiB ${scenario}, detection legacy, 2 channels`,
        `1 GiB ${scenario}, 1 channel`,
        `1 GiB ${scenario}, 2 channels`,
        `1 GiB ${scenario}, 4 channels`,
        `1 GiB ${scenario}, detection none, 2 channels`,
      ]),
    );
  });

  it('are all combinations of what is named', () => {
    const named = rowsOf({
      ...choice,
      scenarios: ['text'],
      channels: [4, 8],
      detections: ['none'],
      compressions: ['zlib', 'auto'],
    });
    expect(named.map(nameOf)).toEqual([
      '1 GiB text, zlib 1, detection none, 4 channels',
      '1 GiB text, zlib 1, detection none, 8 channels',
      '1 GiB text, auto, detection none, 4 channels',
      '1 GiB text, auto, detection none, 8 channels',
    ]);
  });

  it('with TLS say so', () => {
    const [first, ...others] = rowsOf({ ...choice, detections: ['multifd'], tls: true });
    expect(first).toMatchObject({ tls: true });
    expect([first, ...others].flatMap((row) => (row === undefined ? [] : [nameOf(row)]))).toContain(
      '1 GiB zero, TLS, 2 channels',
    );
    expect(rowsOf({ ...choice, tls: false })[0]).not.toHaveProperty('tls');
  });

  it('of untouched memory touch little', () => {
    expect(touchedBy({ ...ROW, scenario: 'untouched', size: 100 * GIB })).toBe(GIB);
    expect(touchedBy(ROW)).toBe(5 * GIB);
  });
});

describe('memory of a scenario', () => {
  /** Which of 1024 pages are zero, and that a page that is not holds something at its front. */
  function zeroPages(fill: PageFill): boolean[] {
    const next = random(1);
    return Array.from({ length: 1024 }, (_, number) => {
      const page = new Int32Array(1024).fill(7);
      fill(page, number, next);
      return page.every((word) => word === 0);
    });
  }
  const share = (zero: readonly boolean[]) => zero.filter(Boolean).length / zero.length;

  const written = SCENARIOS.filter((scenario) => scenario !== 'untouched');

  it.each(written)('%s has its share of zero pages', (scenario) => {
    const zero = zeroPages(pageFill(scenario));
    // A random one of 1024 pages.
    expect(Math.abs(share(zero) + contentShare(scenario) - 1)).toBeLessThan(0.1);
    if (contentShare(scenario) % 1 === 0) expect(share(zero)).toBe(1 - contentShare(scenario));
  });

  it('stripes are of 1 MiB', () => {
    const zero = zeroPages(pageFill('stripes'));
    expect(zero.slice(0, 256).every(Boolean)).toBe(true);
    expect(zero.slice(256, 512).some(Boolean)).toBe(false);
    expect(zero.slice(512, 768).every(Boolean)).toBe(true);
  });
});

describe('a ceiling', () => {
  it.each([
    [4 * GIB, 4],
    [16 * MIB, 16],
    [10 * MIB, 3],
    [4096, 2],
  ])('of %d bytes is done in %d parts, side by side and none of them empty', (bytes, count) => {
    const parts = split(bytes, count);
    expect(parts.length).toBeLessThanOrEqual(count);
    let end = 0;
    for (const { offset, length } of parts) {
      expect(offset).toBe(end);
      expect(length).toBeGreaterThan(0);
      end += length;
    }
    expect(end).toBe(bytes);
  });
});

describe('options', () => {
  it('are lists without gaps and doubles', () => {
    expect(parseScenarios('full, half')).toEqual(['full', 'half']);
    expect(parseChannelCounts('1,2,4')).toEqual([1, 2, 4]);
    expect(() => parseChannelCounts('1,,2')).toThrow('--channels: a value is missing in "1,,2"');
    expect(() => parseChannelCounts('2,2')).toThrow('--channels: 2 is there twice');
    expect(() => parseChannelCounts('1,256')).toThrow('from 1 to 255, got "256"');
    expect(() => parseScenarios('ful')).toThrow(`--scenario must be one of ${SCENARIOS.join(', ')}`);
  });

  it.each(['1M', '17000001', '65T', 'x'])('refuse a size of %s', (text) =>
    expect(() => parseGuestSize(text)).toThrow(/--size/),
  );
});

describe('figures', () => {
  it('are medians with their spread', () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 2, 3])).toBe(2.5);
    expect(spread([1.2345, 2, 3])).toBe('2 (1.23-3)');
    expect(spread([])).toBe('-');
    expect(figure(1234.5)).toBe('1235');
  });

  it('are compared turn by turn', () => {
    const [ours, peer] = [series('multifd', [100, 200, 400]), series('QEMU 10.0.2', [200, 200])];
    expect(ratios(ours, peer, 'time')).toEqual([2, 1]);
  });
});

describe('what is told', () => {
  const all = [series('multifd', [1000, 1100]), series('QEMU 10.0.2', [2000, 2200])];

  it('wins and losses', () => {
    const row = '4 GiB full, 2 channels';
    const lines = (each: readonly Series[]) => findings(each).map(findingLine);
    expect(findings(all)).toMatchObject([{ row, contender: 'multifd' }]);
    expect(lines(all)).toEqual([
      '**4 GiB full, 2 channels:** multifd is 2 times as fast as QEMU 10.0.2, with 1.05 s of CPU to its 2.1 s.',
    ]);
    expect(lines([series('multifd', [2000]), series('QEMU 10.0.2', [1000])])).toEqual([
      '**4 GiB full, 2 channels:** multifd is slower than QEMU 10.0.2 (2 times as long), with 2 s of CPU to its 1 s.',
    ]);
    expect(lines([series('multifd', [1000, 1000, 1000]), series('QEMU 10.0.2', [900, 980, 1200])])).toEqual([
      '**4 GiB full, 2 channels:** multifd is about as fast as QEMU 10.0.2 (0.98 times, 0.9 to 1.2), with 1 s of CPU to its 0.98 s.',
    ]);
    // Slower in every round: that is no accident.
    expect(lines([series('multifd', [1000, 1000]), series('QEMU 10.0.2', [970, 980])])[0]).toContain(
      'is slower',
    );
  });

  it('what failed is named, and has no figure', () => {
    const failed = series('QEMU 10.0.2', [1234], { failed: 'out of luck' });
    const text = benchText({ environment: HERE, series: [series('multifd', [1000]), failed] });
    expect(text).toMatch(/\| 4 GiB full, 2 channels: QEMU 10\.0\.2 +\| +failed \|/);
    expect(text).toContain('- **4 GiB full, 2 channels: QEMU 10.0.2 failed:** out of luck');
    expect(text).not.toContain('1.23');
    const { results = [] } = benchDocument({
      environment: HERE,
      series: [series('multifd', [1000]), failed],
    });
    expect(results[0]?.contenders).toMatchObject([
      { failed: null, 'total-time': { median: 1000 }, beside: [] },
      { failed: 'out of luck', 'total-time': null, 'cpu-time': null },
    ]);
  });

  it('rows stay apart', () => {
    const other = series('multifd', [1], { row: { ...ROW, channels: 4 } });
    expect(resultsOf([...all, other]).map(({ name }) => name)).toEqual([
      '4 GiB full, 2 channels',
      '4 GiB full, 4 channels',
    ]);
  });
});

describe('a file of samples', () => {
  it('is read as it was written', () => {
    const file = join(tempDirectory(), 'new', 'samples.jsonl');
    prepareSamples(file);
    const written = { environment: HERE, series: [series('multifd', [1]), series('QEMU 10.0.2', [2])] };
    writeSamples(file, written);
    expect(readSamples(file)).toEqual(written);
  });

  it('gets rows again as a whole: contenders of other runs are not compared', () => {
    const other = { row: { ...ROW, channels: 4 } };
    const [first, peer] = [series('multifd', [1]), series('QEMU 10.0.2', [2])];
    const [apart, beside] = [series('multifd', [3], other), series('QEMU 10.0.2', [4], other)];
    const again = series('multifd --wire qemu', [5]);
    expect(withSeries([first, peer, apart, beside], [again])).toEqual([again, apart, beside]);
    expect(withSeries([first, peer], [apart])).toEqual([first, peer, apart]);
  });

  it('is refused if it is none, or of another machine', () => {
    const folder = tempDirectory();
    const file = join(folder, 'samples.jsonl');
    expect(() => readSamples(file)).toThrow(/cannot read samples/);
    expect(samplesToKeep(file, HERE)).toBeUndefined();
    for (const text of ['', '{', '{"format":"other"}', '[]']) {
      writeFileSync(file, text);
      expect(() => samplesToKeep(file, HERE)).toThrow(/holds no samples/);
    }
    writeSamples(file, { environment: HERE, series: [series('multifd', [1])] });
    expect(() => samplesToKeep(file, { ...HERE, cpu: 'Another' })).toThrow(/another machine/);
    const written = readFileSync(file, 'utf8');
    writeFileSync(file, written.replace('"ms":1,', '"ms":"1",'));
    expect(() => readSamples(file)).toThrow(/line 2: these are no samples/);
  });
});

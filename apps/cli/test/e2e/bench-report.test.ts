import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { GIB, MIB } from '../../src/bench/figures.js';
import type { Row } from '../../src/bench/rows.js';
import type { Kind, Series } from '../../src/bench/sample.js';
import { writeSamples } from '../../src/bench/samples-file.js';
import { findChromium, openPage } from '../helpers/chromium.js';
import { run } from '../helpers/cli.js';
import { tempDirectory } from '../helpers/temp.js';

/** `.ci/run` has one, and must not skip this. */
const required = process.env.MULTIFD_REQUIRE_CHROMIUM === '1';
const chromium = findChromium();
const missing = chromium === undefined && !required ? ': skipped, there is no Chromium here' : '';

const DATE = '2026-11-29T04:00:00.000Z';
const ENVIRONMENT = {
  ...{ cpu: 'A <b>CPU</b>', cores: 2, memoryGiB: 24, system: 'linux 6.18', node: '26.10.0', arch: 'x64' },
  ...{ multifd: '0.1.0', date: DATE, loadBefore: 0.5 },
};

function series(contender: string, kind: Kind, row: Partial<Row>, ms: number): Series {
  const ends = (value: number) => ({ source: value, destination: value });
  const samples = [ms, ms * 1.2].map((time) => ({
    ...{ ms: time, setup: 10, downtime: 20, transferred: 4 * GIB, cpu: ends(time), peakRss: ends(100 * MIB) },
    ...{ faults: ends(1000), others: 0 },
  }));
  const usual: Row = {
    ...{
      scenario: 'full',
      size: 4 * GIB,
      channels: 2,
      detection: 'multifd',
      compression: 'none',
      level: null,
    },
  };
  return { row: { ...usual, ...row }, contender, kind, date: DATE, multifd: '0.1.0', samples };
}

/** Two guests, one of which moves in two ways. */
const SERIES: readonly Series[] = [
  ...[1, 2].flatMap((channels) => [
    series('multifd', 'multifd', { channels }, 1000),
    series('QEMU 10.0.2', 'peer', { channels }, 2000),
  ]),
  series('multifd', 'multifd', { scenario: 'zero' }, 500),
  { ...series('QEMU 10.0.2', 'peer', { scenario: 'zero' }, 1), failed: 'out of luck' },
];

async function makeReport(): Promise<string> {
  const folder = tempDirectory();
  const [samples, report] = [join(folder, 'samples.jsonl'), join(folder, 'report.html')];
  writeSamples(samples, { environment: ENVIRONMENT, series: SERIES });
  const ended = await run(['bench', '--from', samples, '--report', report]);
  // A contender has failed.
  expect(ended.code, ended.stderr).toBe(1);
  return report;
}

describe('the report of multifd bench', () => {
  it('is complete in itself', async () => {
    const html = readFileSync(await makeReport(), 'utf8');
    expect(html).toContain("default-src 'none'");
    expect(html).not.toMatch(/\b(?:src|href)\s*=\s*["']/);
    // What comes from a machine is text.
    expect(html).toContain('A &lt;b&gt;CPU&lt;/b&gt;');
    expect(html).toContain('<b>4 GiB zero, 2 channels: QEMU 10.0.2 failed:</b> out of luck');
  });

  it('cannot be written where there is no folder, and nothing is measured then', async () => {
    const ended = await run(['bench', '--report', '/does/not/exist/report.html']);
    expect(ended).toMatchObject({ code: 2, stdout: '' });
    expect(ended.stderr).toMatch(/--report .*there is no directory \/does\/not\/exist/);
  });

  it.skipIf(process.platform !== 'linux')('cannot be written there: nothing is measured', async () => {
    const folder = tempDirectory();
    const inProc = await run(['bench', '--report', '/proc/report.html']);
    expect(inProc).toMatchObject({ code: 2, stdout: '' });
    expect(inProc.stderr).toMatch(
      /--report "\/proc\/report\.html": no file can be made in \/proc: .*\nhint: /,
    );
    const itself = await run(['bench', '--report', folder]);
    expect(itself).toMatchObject({ code: 2, stdout: '' });
    expect(itself.stderr).toMatch(/--report ".*": it is a directory\nhint: name a file/);
    expect(readdirSync(folder)).toEqual([]);
  });

  it.skipIf(process.platform !== 'linux')(
    'that fails when all is measured says where the samples are',
    async () => {
      const folder = tempDirectory();
      const tiny = [
        '--scenario',
        'zero',
        '--size',
        '16M',
        '--channels',
        '1',
        '--runs',
        '1',
        '--peer',
        'none',
      ];
      const args = ['bench', ...tiny, '--no-ceilings', '--images', folder, '--report', '/dev/full'];
      const ended = await run(args, { env: { ...process.env, TMPDIR: folder } });
      expect(ended.code, ended.stderr).toBe(1);
      expect(ended.stdout).toContain('16 MiB zero');
      expect(ended.stderr).toMatch(/--report "\/dev\/full": cannot be written to: .*ENOSPC/);
      const [, kept = ''] = /hint: the samples are in (".*"): multifd bench --from/.exec(ended.stderr) ?? [];
      const samples = JSON.parse(kept);
      const again = await run(['bench', '--from', samples]);
      expect([again.code, again.stdout]).toEqual([0, ended.stdout]);
      const late = await run(['bench', '--from', samples, '--report', '/dev/full']);
      expect(late.code).toBe(1);
      expect(late.stderr).toContain(`the samples are in ${kept}`);
    },
  );
});

describe.skipIf(missing !== '')(`in a browser${missing}`, () => {
  it('draws a plot of each figure of each guest, and fetches nothing', async () => {
    const report = await makeReport();
    const { dom, console } = await openPage(chromium ?? 'chromium', report);
    expect(console).toEqual([]);
    expect(dom).toContain('data-drawn="8"');
    expect(dom.match(/<canvas /g)).toHaveLength(8);
    expect(dom).toContain('<td>4 GiB full, 1 channel: QEMU 10.0.2</td>');
  });

  it('has bars in the colour of each contender that was measured', async () => {
    const report = await makeReport();
    const look = `
      const colors = [[0, 0x72, 0xb2], [0xe6, 0x9f, 0]];
      const seen = [...document.querySelectorAll('canvas')].map((canvas) => {
        const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
        const counts = colors.map(() => 0);
        for (let at = 0; at < data.length; at += 4)
          colors.forEach(([r, g, b], i) => { if (data[at] === r && data[at + 1] === g && data[at + 2] === b) counts[i]++; });
        return counts.map((count) => count > 500);
      });
      document.body.dataset.seen = JSON.stringify(seen);`;
    const copy = `${report}.copy.html`;
    writeFileSync(
      copy,
      readFileSync(report, 'utf8').replace('</body>', () => `<script>${look}</script></body>`),
    );
    const { dom, console } = await openPage(chromium ?? 'chromium', copy);
    expect(console).toEqual([]);
    const [, seen = ''] = /data-seen="([^"]*)"/.exec(dom) ?? [];
    // The second guest's QEMU has failed.
    const both = [true, true];
    const ours = [true, false];
    expect(JSON.parse(seen)).toEqual([both, both, both, both, ours, ours, ours, ours]);
  });
});

import { PassThrough } from 'node:stream';
import { finished } from 'node:stream/promises';
import { describe, expect, it } from 'vitest';
import { formatBytes, formatTime } from '../../src/report/format.js';
import { ArrivalProgress, ChannelRates, progressLine, stalledNote } from '../../src/report/progress.js';
import { openTerminal } from '../../src/report/terminal.js';
import { STATISTICS } from '../helpers/facts.js';

describe('progress', () => {
  it('of a destination, with the rate of the last second', () => {
    const progress = new ArrivalProgress('received');
    const none = { multifdBytes: 0, normalBytes: 0, zeroBytes: 0, untouchedPages: 0, pageSize: 4096 };
    const start = { ...none, totalTime: 0, total: 0, received: 0, normal: 0, zeroPages: 0 };
    expect(progress.line(start)).toBe('received 0 B');
    const mib = 2 ** 20;
    progress.line({ ...start, totalTime: 1000, total: 4 * mib, received: 2 * mib, normal: 512 });
    expect(
      progress.line({
        ...start,
        totalTime: 2000,
        total: 4 * mib,
        received: 3 * mib,
        normal: 768,
        zeroPages: 256,
      }),
    ).toBe('received 3.0 MiB, 1.0 MiB/s, 25% zero, 100% of 4.0 MiB');
    expect(
      progress.line({
        ...start,
        totalTime: 3000,
        total: 4 * mib,
        received: 5 * mib,
        normal: 1280,
        zeroPages: 256,
      }),
    ).toBe('received 5.0 MiB, 2.0 MiB/s, 17% zero, 150% of 4.0 MiB, pages come again');
  });

  const running = { ...STATISTICS, remaining: 2 ** 29, expectedEnd: 1000 };

  it('says where it stands', () => {
    expect(progressLine(running, false)).toBe(
      `[${'='.repeat(15)}${' '.repeat(15)}] 50%, left 512.0 MiB, end in 1.0 s\nround 3, sent 512.1 MiB, 630.4 MiB/s, 50% zero`,
    );
  });

  it('says with -v how fast each channel is', () => {
    const channels = new ChannelRates();
    expect(channels.line({ ...running, totalTime: 1000, channelBytes: [0, 2 ** 20] })).toBe('');
    const line = channels.line({ ...running, totalTime: 1500, channelBytes: [2 ** 20, 2 ** 20] });
    expect(line).toBe('channels 0: 2.0 MiB/s, 1: 0 B/s');
    expect(progressLine(running, false, line)).toMatch(/end in 1\.0 s\nround 3.*\nchannels 0: /);
  });

  it.each([-1, 2 ** 30 + 4096, 2 ** 40])('draws a bar whatever is left: %d', (remaining) => {
    expect(progressLine({ ...running, remaining }, false)).toMatch(/\[[= ]{30}\]/);
  });

  it('promises no end where none is in sight', () => {
    expect(progressLine(running, true)).toContain('no end in sight');
    expect(progressLine({ ...running, expectedEnd: undefined }, false)).not.toContain('end in');
    const nothing = { autoConverge: false, maxRounds: 0, timeout: 0 };
    expect(stalledNote(running, nothing)).toMatch(/--max-bandwidth.*--downtime-limit/);
    // What ends it is named, and nothing else is asked for.
    expect(stalledNote(running, { ...nothing, autoConverge: true })).toMatch(
      /: --auto-converge slows it down$/,
    );
    expect(stalledNote(running, { ...nothing, maxRounds: 3 })).toMatch(/: --max-rounds will end this$/);
    expect(stalledNote(running, { ...nothing, timeout: 3 })).toMatch(/: --timeout will end this$/);
  });

  it.each([undefined, true])('is for terminals only: %s', async (isTTY) => {
    const written: string[] = [];
    const stream = Object.assign(
      new PassThrough(),
      { columns: 0, rows: 0 },
      isTTY === undefined ? {} : { isTTY },
    );
    stream.on('data', (chunk) => written.push(String(chunk)));
    const terminal = await openTerminal(false, stream);
    terminal.progress('50 %');
    terminal.note('a note');
    terminal.clear();
    stream.end();
    await finished(stream);
    const text = written.join('');
    if (isTTY === undefined) expect(text).toBe('multifd: a note\n');
    else expect([text.includes('50 %'), text.endsWith('multifd: a note\n')]).toEqual([true, true]);
  });

  it('formats', () => {
    expect([0, 1023, 1024, 1.5 * 2 ** 30, 2 ** 52].map(formatBytes)).toEqual([
      '0 B',
      '1023 B',
      '1.0 KiB',
      '1.5 GiB',
      '4096.0 TiB',
    ]);
    expect([0, 999, 1000, 59_900, 200_000].map(formatTime)).toEqual([
      '0 ms',
      '999 ms',
      '1.0 s',
      '59.9 s',
      '3 min 20 s',
    ]);
  });
});

import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { PassThrough } from 'node:stream';
import { finished } from 'node:stream/promises';
import { Worker } from 'node:worker_threads';
import { completeParameters, MultifdError, type SourceStatistics } from '@multifd/core';
import { describe, expect, it } from 'vitest';
import { EXIT, exitCodeOf } from '../../src/exit-codes.js';
import { errorReport } from '../../src/loopback/messages.js';
import { failureMembers, formatError } from '../../src/report/errors.js';
import { formatBytes, formatTime } from '../../src/report/format.js';
import { type MigrateFacts, migrateDocument, newFacts } from '../../src/report/migrate-document.js';
import { inOptions } from '../../src/report/option-names.js';
import { ArrivalProgress, progressLine, stalledNote } from '../../src/report/progress.js';
import { receiveDocument } from '../../src/report/receive-document.js';
import { migrateSummary, receiveSummary } from '../../src/report/summary.js';
import { openTerminal } from '../../src/report/terminal.js';
import { withoutGuest } from '../../src/resources.js';
import { pathError } from '../../src/system-error.js';

function systemErrorOf(call: () => unknown): unknown {
  try {
    return call();
  } catch (error) {
    return error;
  }
}

const STATISTICS: SourceStatistics = {
  totalTime: 812.4,
  setupTime: 40.2,
  downtime: 12.6,
  expectedDowntime: 10,
  expectedEnd: 0,
  total: 2 ** 30,
  remaining: 0,
  transferred: 537_000_000,
  multifdBytes: 536_999_000,
  normal: 131_072,
  normalBytes: 536_870_912,
  zeroPages: 131_072,
  zeroBytes: 536_870_912,
  pageSize: 4096,
  dirtySyncCount: 3,
  dirtyPagesRate: 1000,
  pagesPerSecond: 320_000,
  mbps: 5288.129,
  channelBytes: [268_000_000, 268_999_000],
};

function facts(): MigrateFacts {
  const choice = {
    accelerator: { module: 'file:///js', name: 'js' },
    detail: 'portable',
    requested: 'auto',
    fallbacks: [],
    refused: [{ name: 'avx2', reason: 'no AVX2', fix: 'another CPU' }],
  };
  return {
    ...newFacts('demo:1G', 'loopback'),
    parameters: completeParameters(),
    choice,
    statistics: STATISTICS,
    completed: true,
    guest: { state: 'ran on', from: 10, to: 20 },
    cpuTime: { source: 700.7, destination: 650.2 },
    peakRss: { source: 2 ** 30, destination: 2 ** 29 },
    pageFaults: { source: 1000, destination: 2000 },
    allocated: { source: 2 ** 29, destination: null },
    huge: { source: 2 ** 28, destination: null },
    host: { requested: 'auto', name: 'host-linux', module: 'file:///host', refused: undefined },
    backing: 'auto',
    verify: true,
    verification: { algorithm: 'sha256', blocks: 2, bytes: 1_073_872_896, differences: [] },
  };
}

describe('the JSON document of migrate', () => {
  it('has the shape that scripts rely on', () => {
    expect(migrateDocument(facts())).toEqual({
      'schema-version': 1,
      command: 'migrate',
      status: 'completed',
      source: 'demo:1G',
      destination: 'loopback',
      'total-time': 812,
      'setup-time': 40,
      downtime: 13,
      ram: {
        total: 2 ** 30,
        transferred: 537_000_000,
        remaining: 0,
        normal: 131_072,
        'normal-bytes': 536_870_912,
        duplicate: 131_072,
        'zero-pages': 131_072,
        'zero-bytes': 536_870_912,
        'page-size': 4096,
        mbps: 5288.13,
        'dirty-sync-count': 3,
        'dirty-pages-rate': 1000,
        'pages-per-second': 320_000,
        'multifd-bytes': 536_999_000,
        'channel-bytes': [268_000_000, 268_999_000],
      },
      accelerator: {
        name: 'js',
        requested: 'auto',
        detail: 'portable',
        refused: [{ name: 'avx2', reason: 'no AVX2', fix: 'another CPU' }],
      },
      channels: 2,
      'zero-page-detection': 'multifd',
      'multifd-flush-after-each-section': false,
      'multifd-compression': 'none',
      wire: 'multifd',
      'cpu-time': { source: 701, destination: 650 },
      'peak-rss': { source: 2 ** 30, destination: 2 ** 29 },
      'page-faults': { source: 1000, destination: 2000 },
      allocated: { source: 2 ** 29, destination: null },
      'huge-pages': { source: 2 ** 28, destination: null },
      host: { name: 'host-linux', requested: 'auto', backing: 'auto' },
      verify: true,
      verified: true,
      verification: { algorithm: 'sha256', blocks: 2, bytes: 1_073_872_896 },
      'guest-at': 'destination',
      guest: { state: 'ran on', from: 10, to: 20 },
    });
  });

  it('tells a failure with what was known', () => {
    const error = new MultifdError('incompatible', 'uuid differs', { hint: 'give both the same' });
    expect(migrateDocument(newFacts('demo:1G', 'tcp:h:1'), error)).toEqual({
      'schema-version': 1,
      command: 'migrate',
      status: 'failed',
      'error-class': 'incompatible',
      'error-desc': 'uuid differs',
      hint: 'give both the same',
      source: 'demo:1G',
      destination: 'tcp:h:1',
      'cpu-time': { source: null, destination: null },
      'peak-rss': { source: null, destination: null },
      'page-faults': { source: null, destination: null },
      allocated: { source: null, destination: null },
      'huge-pages': { source: null, destination: null },
      verify: null,
      verified: null,
      verification: null,
      'guest-at': 'source',
    });
    expect(migrateDocument(newFacts(null, null), new MultifdError('cancelled', 'x')).status).toBe(
      'cancelled',
    );
  });

  it('a migration that completed and did not verify says both', () => {
    const verification = {
      algorithm: 'sha256',
      blocks: 1,
      bytes: 1,
      differences: ['RAM block a differs'],
    } as const;
    const document = migrateDocument(
      { ...facts(), verification },
      new MultifdError('protocol', 'not verified'),
    );
    expect(document).toMatchObject({ status: 'completed', verified: false, 'error-desc': 'not verified' });
    expect(migrateSummary(document)).toContain('NOT VERIFIED');
  });

  it('names no accelerator where none looked', () => {
    const parameters = completeParameters({ zeroPageDetection: 'none' });
    expect(migrateDocument({ ...facts(), parameters }).accelerator).toMatchObject({
      name: null,
      requested: 'auto',
    });
  });
});

describe('summaries', () => {
  it('auto that chose nothing has no ratio: headers alone would make it 0.99 to 1', () => {
    const auto = { name: 'auto', requested: 'auto', detail: '', modules: [], declared: [], settings: {} };
    const text = migrateSummary(migrateDocument({ ...facts(), codec: { ...auto, decision: null } }));
    expect(text).toContain('none, chosen by auto: the guest was gone');
    expect(text).not.toContain(' to 1');
  });

  it('migrate, in the style of info migrate', () => {
    const text = migrateSummary(migrateDocument(facts()));
    for (const line of [
      'Migration status: completed',
      'total time: 812 ms',
      'downtime: 13 ms',
      'total ram: 1048576 KiB',
      'duplicate: 131072 pages (zero)',
      'normal: 131072 pages',
      'accelerator: js (chosen by auto): portable',
      'cpu time: source 701 ms, destination 650 ms',
      'peak memory: source 1.0 GiB, destination 512.0 MiB',
      'guest: ran on at the destination, from write 10 to 20',
      'verified: 2 blocks, 1073872896 bytes, sha256',
    ]) {
      expect(text.split('\n')).toContain(line);
    }
  });

  it('name what was refused only if it was asked for, or with -v', () => {
    const document = migrateDocument(facts());
    const refusal = '  refused avx2: no AVX2 (another CPU)';
    const refused = { reason: 'not Linux', fix: 'use Linux' };
    const { host, accelerator } = document;
    if (accelerator === undefined || host === undefined) throw new Error('they are there');
    const quiet = { ...document, host: { ...host, refused } };
    expect(migrateSummary(quiet)).not.toContain('refused');
    expect(migrateSummary(quiet)).not.toContain('not Linux');
    expect(migrateSummary(quiet, true)).toContain(refusal);
    expect(migrateSummary(quiet, true)).toContain('(not Linux; use Linux)');
    const asked = { ...document, accelerator: { ...accelerator, requested: 'native' } };
    expect(migrateSummary(asked)).toContain(refusal);
  });

  it('does not say that nobody asked for what could not be done', () => {
    const { verification: _, ...rest } = facts();
    expect(migrateSummary(migrateDocument(rest))).toContain('NOT VERIFIED: memory was not compared');
    const unasked = migrateSummary(migrateDocument({ ...rest, verify: false }));
    expect(unasked).toContain('verified: not asked for');
  });

  it('receive; names from the stream cannot steer the terminal', () => {
    const blocks = [{ name: 'evil\u001b[2J', length: 4096 }];
    const document = receiveDocument({
      listen: 'tcp:127.0.0.1:1',
      target: 'memory',
      completed: true,
      blocks,
    });
    const text = receiveSummary(document);
    expect(text).toContain('Migration status: completed\n');
    const either = receiveSummary({ ...document, 'guest-at': 'either' });
    expect(either).toContain(
      'Migration status: completed, but the source may have the guest too (guest-at: either)\n',
    );
    expect(text).toContain('block: evil\\x1b[2J, 4.0 KiB');
    expect(text).not.toContain('\u001b');
  });
});

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
      'round 3, sent 512.1 MiB, 630.4 MiB/s, 50% zero, left 512.0 MiB, end in 1.0 s',
    );
  });

  it('promises no end where none is in sight', () => {
    expect(progressLine(running, true)).toContain('no end in sight');
    expect(progressLine({ ...running, expectedEnd: undefined }, false)).not.toContain('end in');
    expect(stalledNote(running)).toMatch(/--max-bandwidth.*--downtime-limit/);
  });

  it.each([undefined, true])('is for terminals only: %s', async (isTTY) => {
    const written: string[] = [];
    const stream = Object.assign(
      new PassThrough(),
      { columns: 0, rows: 0 },
      isTTY === undefined ? {} : { isTTY },
    );
    stream.on('data', (chunk) => written.push(String(chunk)));
    const terminal = openTerminal(stream);
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

describe('errors and exit codes', () => {
  it("core's parameters are named as the options that were typed", () => {
    const text = 'take fewer channels (multifdChannels), or raise ulimit -n';
    expect(inOptions(text, ['migrate'])).toContain('(--channels)');
    expect(inOptions(text, ['migrate', '--multifd-channels', '200'])).toContain('(--multifd-channels)');
    expect(inOptions(text, ['migrate', '--channels=200'])).toContain('(--channels)');
    expect(inOptions('stallTimeout, maxRam and multifdChannelsX', [])).toBe(
      '--stall-timeout, --max-ram and multifdChannelsX',
    );
    const error = new MultifdError('io', 'multifdChannels: too many', { hint: 'allow more (maxRam)' });
    expect(formatError(error)).toBe('multifd: --channels: too many\nhint: allow more (--max-ram)\n');
    expect(failureMembers(error)).toMatchObject({
      'error-desc': '--channels: too many',
      hint: 'allow more (--max-ram)',
    });
  });

  it('known errors are a line and a hint', () => {
    expect(formatError(new MultifdError('usage', 'no', { hint: 'yes' }))).toBe('multifd: no\nhint: yes\n');
    expect(formatError(new MultifdError('io', 'bad\u001b[2Jname', { hint: '\u0007' }))).not.toMatch(
      /[^\P{Cc}\n]/u,
    );
  });

  it('unknown ones keep their stack and ask for a report', () => {
    const text = formatError(new TypeError('oops'));
    expect(text).toContain('please report');
    expect(text).toContain('report.test.ts');
  });

  it('what the system refused is no mistake of ours, wherever it came up', () => {
    const error = systemErrorOf(() => readFileSync('/no/such/file'));
    expect(formatError(error)).toBe("multifd: ENOENT: no such file or directory, open '/no/such/file'\n");
    expect(failureMembers(error)).toMatchObject({ 'error-class': 'io', status: 'failed' });
    expect(exitCodeOf(error)).toBe(EXIT.failed);
    expect(errorReport(error)).toMatchObject({ code: 'io' });
    // Node's own errors name no system call: those are ours.
    expect(formatError(Object.assign(new TypeError('bad'), { code: 'ERR_INVALID_ARG_TYPE' }))).toContain(
      'please report',
    );
  });

  it.each([
    ['EACCES', 'usage', /permission denied \(EACCES\)/],
    ['EPERM', 'usage', /\(EPERM\)/],
    ['EROFS', 'usage', /read-only.*\(EROFS\)/],
    ['ENOSPC', 'io', /no space left.*\(ENOSPC\)/],
    ['EMFILE', 'io', /\(EMFILE\)/],
  ] as const)("%s with the user's path is %s", (code, kind, message) => {
    const errno = -constants.errno[code];
    const cause = Object.assign(new Error(`${code}: x, open 'p'`), {
      errno,
      code,
      syscall: 'open',
      path: 'p',
    });
    const error = pathError(cause, 'p: cannot be read');
    expect(error).toMatchObject({ code: kind, cause, message: expect.stringMatching(message) });
    expect(error.hint === undefined).toBe(kind === 'io');
    const known = new MultifdError('incompatible', 'x');
    expect(pathError(known, 'y')).toBe(known);
  });

  it.each([
    ['usage', EXIT.usage],
    ['accelerator-unavailable', EXIT.unavailable],
    ['codec-unavailable', EXIT.unavailable],
    ['incompatible', EXIT.incompatible],
    ['cancelled', EXIT.interrupted],
    ['peer-closed', EXIT.failed],
    ['io', EXIT.failed],
  ] as const)('%s is %d', (code, exit) => expect(exitCodeOf(new MultifdError(code, ''))).toBe(exit));

  it('anything else failed', () => expect(exitCodeOf(new Error(''))).toBe(EXIT.failed));
});

describe('CPU time', () => {
  it("is without the guest's own, and not known when the guest's thread is dead", async () => {
    const notes: string[] = [];
    const note = (line: string) => notes.push(line);
    expect(await withoutGuest(50, { cpuTime: async () => 20 }, note)).toBe(30);
    expect(notes).toEqual([]);
    const dead = new Worker('', { eval: true });
    await dead.terminate();
    const cpuTime = async () => (await dead.cpuUsage()).user;
    expect(await withoutGuest(50, { cpuTime }, note)).toBeNull();
    expect(notes).toEqual([expect.stringMatching(/^the CPU time is not known: /)]);
  });
});

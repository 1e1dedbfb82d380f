import { completeParameters, MultifdError } from '@multifd/core';
import { describe, expect, it } from 'vitest';
import { migrateDocument, newFacts } from '../../src/report/migrate-document.js';
import { receiveDocument } from '../../src/report/receive-document.js';
import { hostLine, migrateSummary, receiveSummary } from '../../src/report/summary.js';
import { facts } from '../helpers/facts.js';

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
      'downtime-parts': { stop: 1, 'last-round': 8, 'device-state': 0, commit: 3 },
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
        'precopy-bytes': 700,
        'downtime-bytes': 300,
        'postcopy-bytes': 0,
        'postcopy-requests': 0,
        'dirty-sync-missed-zero-copy': 0,
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
      'downtime: 13 ms (stop 1, last round 8, device state 0, destination 3)',
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
    const { refused: hostRefused } = quiet.host;
    expect(hostRefused).toEqual(refused);
    expect(hostLine(quiet.host, false, 'darwin')).not.toContain('not Linux');
    // There it is meant to work: a user is to hear once why it does not.
    expect(hostLine(quiet.host, false, 'linux')).toContain('(not Linux; use Linux)');
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

  it('receive; state that the stream does not describe is not the same as none', () => {
    const facts = { listen: 'tcp:127.0.0.1:1', target: 'memory', completed: true };
    const text = (devices: readonly string[] | null): string =>
      receiveSummary(receiveDocument({ ...facts, devices }));
    expect(receiveDocument({ ...facts, devices: null }).devices).toBeNull();
    expect(text(null)).toContain('devices: not described\n');
    expect(text([])).not.toContain('devices');
    expect(text(['timer.0'])).toContain('devices: timer.0\n');
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

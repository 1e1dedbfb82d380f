import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { expect, it } from 'vitest';
import { Known } from '../../src/watch/known.js';
import { metrics } from '../../src/watch/metrics.js';
import { MetricsServer } from '../../src/watch/metrics-server.js';
import { parseExposition } from '../helpers/exposition.js';
import { STATISTICS } from '../helpers/facts.js';

it('metrics are in seconds, bytes and ratios; other paths and methods are refused', async () => {
  const known = new Known('migrate');
  known.onEvent({ type: 'status', status: 'active' });
  const throttled = { ...STATISTICS, cpuThrottlePercentage: 20, expectedEnd: 5000, stalledSince: 1 };
  known.onEvent({ type: 'progress', round: 3, statistics: throttled });
  const server = await MetricsServer.listen({ host: '127.0.0.1', port: 0, isPublic: false }, known);
  try {
    const samples = parseExposition(await (await fetch(server.url)).text());
    expect(Object.fromEntries(samples)).toMatchObject({
      'multifd_migration_status{status="completed"}': 0,
      'multifd_migration_status{status="active"}': 1,
      multifd_expected_end_seconds: 5,
      multifd_elapsed_seconds: 0.8124,
      multifd_downtime_seconds: 0.0126,
      'multifd_downtime_part_seconds{part="last-round"}': 0.0081,
      multifd_ram_transferred_bytes_total: 537_000_000,
      'multifd_channel_bytes_total{channel="1"}': 268_999_000,
      multifd_cpu_throttle_ratio: 0.2,
      multifd_stalled_seconds: 0.8114,
    });
    // Behind a failure the guest runs freely again, and no end is expected.
    known.onEvent({ type: 'status', status: 'failed' });
    const over = parseExposition(await (await fetch(server.url)).text());
    expect([over.get('multifd_cpu_throttle_ratio'), over.get('multifd_stalled_seconds')]).toEqual([0, 0]);
    expect(over.has('multifd_expected_end_seconds')).toBe(false);
    expect(over.get('multifd_elapsed_seconds')).toBe(0.8124);
    const other = await fetch(new URL('/', server.url));
    const post = await fetch(server.url, { method: 'POST' });
    expect([other.status, post.status, post.headers.get('allow')]).toEqual([404, 405, 'GET, HEAD']);
    const head = await fetch(server.url, { method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([200, '']);
  } finally {
    await server.end();
  }
});

it('whoever connects and asks nothing does not keep a scraper away', { timeout: 45_000 }, async () => {
  const listen = { host: '127.0.0.1', port: 0, isPublic: false };
  const server = await MetricsServer.listen(listen, new Known('migrate'));
  try {
    const { port } = new URL(server.url);
    const idle = Array.from({ length: 16 }, (_, index) => {
      const socket = connect(Number(port), '127.0.0.1').resume();
      if (index % 2 === 0) socket.write('GET /metrics HTTP/1.1\r\nHost');
      return socket;
    });
    await Promise.all(idle.map((socket) => once(socket, 'connect')));
    await Promise.all(idle.map((socket) => once(socket, 'close')));
    expect((await fetch(server.url)).status).toBe(200);
  } finally {
    await server.end();
  }
});

it('the dashboard asks for metrics that there are, and the documents name all of them', () => {
  const source = new Known('migrate');
  source.onEvent({ type: 'progress', round: 3, statistics: { ...STATISTICS, stalledSince: 1 } });
  const destination = new Known('receive');
  destination.received({ ...STATISTICS, received: 1, untouchedPages: 1 });
  const all = [...metrics(source), ...metrics(destination)].map(({ name }) => name);
  expect(namesIn('grafana-dashboard.json').filter((name) => !all.includes(name))).toEqual([]);
  expect(namesIn('operating.md')).toEqual([...new Set(all)].sort());
});

/** Names of metrics in a document. */
function namesIn(document: string): string[] {
  const text = readFileSync(new URL(`../../../../docs/${document}`, import.meta.url), 'utf8');
  return [...new Set(text.match(/\bmultifd_[a-z_]+/g))].sort();
}

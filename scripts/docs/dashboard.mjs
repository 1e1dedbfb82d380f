/**
 * Writes docs/images/dashboard.svg: the panels of docs/grafana-dashboard.json, drawn from what a Prometheus answers to their
 * queries about a real migration. It is no picture of Grafana, which no registry has that we may use.
 *
 *   node scripts/docs/dashboard.mjs      Linux; needs `dist` and `native`, and Prometheus (`apt-get install prometheus`)
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { drawDashboard } from './panels.mjs';

const ROOT = join(import.meta.dirname, '../..');
const CLI = join(ROOT, 'apps/cli/dist/cli.js');
/** It dirties more than the line takes, so that it has to be slowed down. */
const GUEST = 'demo:1G,zero=0.5,dirty=80M';
const SOURCE = [
  GUEST,
  '--channels',
  '4',
  '--max-bandwidth',
  '64M',
  '--auto-converge',
  '--downtime-limit',
  '200',
];
const SECONDS_BEHIND = 3;

const folder = mkdtempSync(join(tmpdir(), 'multifd-dashboard-'));
const started = [];
try {
  const [source, destination, web, memory] = await Promise.all(Array.from({ length: 4 }, freePort));
  const socket = join(folder, 'qmp');
  begin(process.execPath, [
    CLI,
    'receive',
    `tcp:127.0.0.1:${memory}`,
    '--channels',
    '4',
    '--metrics',
    `:${destination}`,
  ]);
  begin(process.execPath, [
    CLI,
    'migrate',
    ...SOURCE,
    '--metrics',
    `:${source}`,
    '--defer',
    '--qmp',
    `unix:${socket}`,
  ]);
  await startPrometheus(web, { source, destination });
  const monitor = await openMonitor(socket);
  await monitor.does('qmp_capabilities');
  const from = Date.now() / 1000;
  await monitor.does('migrate', { uri: `tcp:127.0.0.1:${memory}` });
  for (let status = 'setup'; status !== 'completed'; ) {
    await delay(500);
    ({ status } = await monitor.does('query-migrate'));
    if (status === 'failed') throw new Error('the migration failed');
  }
  await delay(SECONDS_BEHIND * 1000);
  const to = Date.now() / 1000;
  const dashboard = JSON.parse(readFileSync(join(ROOT, 'docs/grafana-dashboard.json'), 'utf8'));
  const names = new Map([
    [`127.0.0.1:${source}`, 'source'],
    [`127.0.0.1:${destination}`, 'destination'],
  ]);
  const ask = (expression) => query(web, expression, from, to, names);
  const panels = await Promise.all(
    dashboard.panels.map(async (panel) => ({
      ...panel,
      series: (await Promise.all(panel.targets.map(ask))).flat(),
    })),
  );
  writeFileSync(join(ROOT, 'docs/images/dashboard.svg'), drawDashboard(panels, from, to));
  await monitor.does('quit');
} finally {
  for (const child of started) child.kill();
  rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
}

function begin(command, args) {
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'], cwd: folder });
  started.push(child);
  return child;
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

async function startPrometheus(web, targets) {
  const config = join(folder, 'prometheus.yml');
  const all = Object.values(targets).map((port) => `'127.0.0.1:${port}'`);
  writeFileSync(
    config,
    `scrape_configs:\n  - job_name: multifd\n    scrape_interval: 1s\n    static_configs:\n      - targets: [${all}]\n`,
  );
  const args = [
    `--config.file=${config}`,
    `--web.listen-address=127.0.0.1:${web}`,
    `--storage.tsdb.path=${folder}/data`,
  ];
  begin('prometheus', args);
  for (let waited = 0; ; waited++) {
    const { ok } = await fetch(`http://127.0.0.1:${web}/-/ready`).catch(() => ({ ok: false }));
    if (ok) return;
    if (waited > 100) throw new Error('Prometheus does not begin');
    await delay(100);
  }
}

/** Both ends of a migration answer to `instance`. */
async function query(web, { expr, legendFormat }, from, to, names) {
  const text = expr.replaceAll('{instance=~"$instance"}', '').replaceAll('$__rate_interval', '4s');
  const parameters = new URLSearchParams({ query: text, start: `${from}`, end: `${to}`, step: '1' });
  const answer = await fetch(`http://127.0.0.1:${web}/api/v1/query_range?${parameters}`);
  const { status, data, error } = await answer.json();
  if (status !== 'success') throw new Error(`${text}: ${error}`);
  return data.result.map(({ metric, values }) => ({
    name: legendFormat.replaceAll(
      /\{\{(\w+)\}\}/g,
      (_, label) => names.get(metric[label]) ?? metric[label] ?? '',
    ),
    values: values.map(([at, value]) => [at, Number(value)]),
  }));
}

/** A QMP connection that does one thing after another. */
async function openMonitor(path) {
  let socket;
  for (let waited = 0; socket === undefined; waited++) {
    socket = await new Promise((resolve) => {
      const each = connect(path, () => resolve(each)).on('error', () => resolve(undefined));
    });
    if (waited > 100) throw new Error('the command opens no monitor');
    if (socket === undefined) await delay(100);
  }
  const lines = createInterface({ input: socket })[Symbol.asyncIterator]();
  await lines.next();
  return {
    async does(execute, args) {
      socket.write(`${JSON.stringify({ execute, ...(args && { arguments: args }) })}\n`);
      for (;;) {
        const { value = '{"error":{"desc":"it was closed"}}' } = await lines.next();
        const { return: answer, error } = JSON.parse(value);
        if (error !== undefined) throw new Error(`${execute}: ${error.desc}`);
        if (answer !== undefined) return answer;
      }
    },
  };
}

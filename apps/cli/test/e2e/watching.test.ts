import { spawnSync } from 'node:child_process';
import { closeSync, constants, openSync, readFileSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { QmpClient } from '@multifd/qemu';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type Running, run, start } from '../helpers/cli.js';
import { parseExposition, type Samples } from '../helpers/exposition.js';
import { tempDirectory } from '../helpers/temp.js';

/** A command that is watched in every way, and its trace. @param before what is in the file of the trace. */
function watched(args: readonly string[], before?: string): { running: Running; trace: string } {
  const trace = join(tempDirectory(), 'trace.jsonl');
  if (before !== undefined) writeFileSync(trace, before);
  return { running: start([...args, '--progress', 'json', '--metrics', ':0', '--trace', trace]), trace };
}

/** Scrapes until the figures are those of a migration under way. */
async function scrape(running: Running, moved: string): Promise<Samples> {
  const url = await running.says(/metrics at (http:\S+)/);
  for (;;) {
    const response = await fetch(url);
    expect(response.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
    const samples = parseExposition(await response.text());
    if (samples.get('multifd_migration_status{status="active"}') === 1 && (samples.get(moved) ?? 0) > 2 ** 18)
      return samples;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** The JSON lines of a text; all others are for people. */
function documents(text: string) {
  return text
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line));
}

it('source, relay and destination are watched: progress, metrics, trace', async () => {
  const receive = watched(['receive', 'tcp:127.0.0.1:0', '--json']);
  const address = await receive.running.says(/listening on (tcp:\S+)/);
  const relay = watched(['relay', 'tcp:127.0.0.1:0', address]);
  const to = await relay.running.says(/listening on (tcp:\S+)/);
  // Slower than its guest dirties memory, it does not end by itself while it is scraped.
  const slow = ['--max-bandwidth', '2M', '--qmp', 'tcp:127.0.0.1:0', '--no-verify'];
  const migrate = watched(['migrate', 'demo:32M,zero=0.25,dirty=4M', to, ...slow, '--json']);

  const source = await scrape(migrate.running, 'multifd_ram_transferred_bytes_total');
  expect(source.get('multifd_ram_size_bytes')).toBeGreaterThanOrEqual(2 ** 25);
  expect(source.get('multifd_channel_bytes_total{channel="1"}')).toBeGreaterThan(0);
  expect(source.get('multifd_dirty_sync_count_total')).toBeGreaterThanOrEqual(1);
  // Not known yet, and so not there.
  expect(source.has('multifd_downtime_seconds')).toBe(false);
  for (const each of [relay, receive]) {
    const samples = await scrape(each.running, 'multifd_ram_received_bytes_total');
    expect(samples.get('multifd_ram_page_size_bytes')).toBe(4096);
    expect(samples.get('multifd_refused_connections_total')).toBe(0);
  }
  const port = await migrate.running.says(/QMP on tcp:127\.0\.0\.1:(\d+)/);
  const qmp = await QmpClient.connect({ host: '127.0.0.1', port: Number(port) });
  await qmp.execute('migrate-set-parameters', { 'max-bandwidth': 0 });
  qmp.close();

  const [left, relayed, arrived] = await Promise.all(
    [migrate, relay, receive].map((each) => each.running.ended),
  );
  expect([left?.code, relayed?.code, arrived?.code]).toEqual([0, 0, 0]);
  const lines = documents(left?.stderr ?? '');
  const final = JSON.parse(left?.stdout ?? '');
  expect(lines.some(({ status, ram }) => status === 'active' && ram?.remaining > 0)).toBe(true);
  // The last line has the figures of the command's own document.
  expect(lines.at(-1)).toMatchObject({
    command: 'migrate',
    status: 'completed',
    downtime: final.downtime,
    ram: final.ram,
    round: { 'dirtied-pages': 0 },
  });
  for (const [command, ended] of [
    ['relay', relayed],
    ['receive', arrived],
  ] as const) {
    const seen = documents(ended?.stderr ?? '');
    expect(seen.every((line) => line.command === command)).toBe(true);
    expect(seen.at(-1)).toMatchObject({ status: 'completed' });
  }
  // Of main a destination reads on, until its source closes it.
  const { received: _read, ...counted } = JSON.parse(arrived?.stdout ?? '').ram;
  expect(documents(arrived?.stderr ?? '').at(-1).ram).toMatchObject(counted);

  const events = documents(readFileSync(migrate.trace, 'utf8'));
  const states = (of: string) =>
    documents(readFileSync(of, 'utf8'))
      .filter(({ event }) => event === 'migrate_set_state')
      .map((line) => line.new_state);
  expect(states(migrate.trace)).toEqual(['setup', 'active', 'device', 'completed']);
  for (const { trace } of [relay, receive]) {
    expect(states(trace).at(-1)).toBe('completed');
    if (process.platform !== 'win32') expect(statSync(trace).mode & 0o777).toBe(0o600);
  }
  const sums = events.filter(({ event }) => event === 'migrate_transferred');
  const sum = sums.reduce((all, { transferred }) => all + transferred, 0);
  expect(sum).toBe(final.ram.transferred);
  const syncs = events.filter(({ event }) => event === 'migration_bitmap_sync_end');
  expect(syncs).toHaveLength(final.ram['dirty-sync-count'] - 1);
});

describe('a failure', () => {
  it('is the last line, and the last event', async () => {
    const { running, trace } = watched(['migrate', 'demo:1M', 'tcp:127.0.0.1:1'], 'of before');
    const { code, stderr } = await running.ended;
    expect(code).toBe(1);
    expect(documents(stderr).at(-1)).toMatchObject({ status: 'failed', 'error-desc': expect.any(String) });
    const events = documents(readFileSync(trace, 'utf8'));
    expect(events.at(-1)).toMatchObject({ event: 'migrate_error', error_desc: expect.any(String) });
    expect(events[0]).toMatchObject({ event: 'migrate_set_state', new_state: 'setup' });
  });

  it.each([
    [['--progress', 'xml'], /^multifd: --progress must be one of line, json, got "xml"\n$/],
    [['--metrics', '9464'], /^multifd: --metrics must be HOST:PORT, got "9464"\nhint: as in 127/],
    [['--metrics', '0.0.0.0:0'], /^multifd: --metrics: 0\.0\.0\.0 is no loopback address\nhint: .*,public/],
    [
      ['--trace', '.'],
      /^multifd: --trace \.: .*directory \(EISDIR\)\nhint: it is a directory: name a file\n$/,
    ],
  ])('%j is a mistake of usage', async (args, words) => {
    const { code, stderr } = await run(['migrate', 'demo:1M', ...args]);
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringMatching(words) });
  });
});

describe.skipIf(process.platform === 'win32')('a trace into a pipe', () => {
  const pipe = (): string => {
    const path = join(tempDirectory(), 'pipe');
    expect(spawnSync('mkfifo', [path]).status).toBe(0);
    return path;
  };

  it('that nobody reads from is refused', async () => {
    const { code, stderr } = await run(['migrate', 'demo:1M', '--trace', pipe()]);
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: expect.stringMatching(/\(ENXIO\)\nhint: it is a pipe that nobody reads from/),
    });
  });

  it('whose reader stands still ends before the migration, which holds for nobody', async () => {
    const path = pipe();
    // Opened for both, so that there is a reader; it reads nothing. The pipe is full already.
    const fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
    onTestFinished(() => closeSync(fd));
    expect(() => {
      for (;;) writeSync(fd, Buffer.alloc(4096));
    }).toThrow(/EAGAIN/);
    const { code, stderr } = await run(['migrate', 'demo:1M', '--trace', path]);
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: expect.stringMatching(/^multifd: warning: the trace ends here: .*\n$/),
    });
  });
});

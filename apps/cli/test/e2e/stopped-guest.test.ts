import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Running, start } from '../helpers/cli.js';
import { tempDirectory } from '../helpers/temp.js';

/** What one thread noted: see the fixture. `at` is the machine's clock in microseconds, the same for all processes. */
interface Note {
  readonly at: number;
  readonly pid: number;
  readonly thread: number;
  readonly what: string;
  readonly detail: string;
}

const WATCH = new URL('../fixtures/slow-calls.mjs', import.meta.url).href;
const GUEST = 'demo:48M,dirty=16M,fill=text,populate';

/** Commands whose slow calls are noted, and the notes. */
function watched(directory: string) {
  const log = join(directory, 'calls');
  const env = { ...process.env, NODE_OPTIONS: `--import=${WATCH}`, MULTIFD_SLOW_CALLS: log };
  const notes = (): Note[] =>
    readFileSync(log, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
  return { notes, start: (...args: string[]): Running => start(args, { env }) };
}

/** From the moment that the source stops the guest to the moment that each process knows that the guest has moved. */
function whileStopped(notes: readonly Note[]): Note[] {
  const stop = notes.find(({ what }) => what === 'stop-guest');
  if (stop === undefined) throw new Error('the guest was never stopped');
  const pids = new Set(notes.map(({ pid }) => pid));
  return [...pids].flatMap((pid) => {
    const own = notes.filter((note) => note.pid === pid);
    const end = own.find(({ what }) => what === 'told' || what === 'completed');
    if (end === undefined) throw new Error(`process ${pid} never said that it is over`);
    return own.filter(({ at }) => at > stop.at && at < end.at);
  });
}

/** The calls as a test names them. */
const named = (notes: readonly Note[]) => notes.map(({ what, detail }) => `${what} ${detail}`);

async function migrate(running: Running): Promise<void> {
  expect(await running.ended).toMatchObject({ code: 0 });
}

describe('while the guest stands still', () => {
  it('nothing is loaded, looked up or started, on no side', async () => {
    const { start, notes } = watched(tempDirectory());
    await migrate(start('migrate', GUEST, 'loopback', '--json'));
    // Every thread of both processes was watched, and what they load is seen.
    const loaded = notes().filter(({ what }) => what === 'module');
    expect(new Set(loaded.map(({ pid }) => pid)).size).toBe(2);
    expect(new Set(notes().map(({ pid, thread }) => `${pid} ${thread}`)).size).toBeGreaterThan(7);
    expect(notes().some(({ what }) => what === 'process.dlopen')).toBe(true);
    expect(notes().filter(({ what }) => what.startsWith('process.report'))).toEqual([]);
    expect(named(whileStopped(notes()))).toEqual([]);
  });

  it('nor for a compression, named or chosen on the way', async () => {
    for (const method of ['zstd', 'auto']) {
      const { start, notes } = watched(tempDirectory());
      await migrate(start('migrate', GUEST, 'loopback', '--compression', method, '--max-bandwidth', '64M'));
      expect(named(whileStopped(notes())), method).toEqual([]);
    }
  });

  it('nor on a relay', async () => {
    const { start, notes } = watched(tempDirectory());
    const receiving = start('receive', 'tcp:127.0.0.1:0');
    const relaying = start('relay', 'tcp:127.0.0.1:0', await receiving.says(/listening on (tcp:\S+)/));
    const relay = await relaying.says(/listening on (tcp:[^\s,]+)/);
    await migrate(start('migrate', GUEST, relay));
    await migrate(relaying);
    await migrate(receiving);
    expect(new Set(notes().map(({ pid }) => pid)).size).toBe(3);
    expect(named(whileStopped(notes()))).toEqual([]);
  });

  it.each(['file', 'raw'])('a %s: target touches its own files only, and loads nothing', async (kind) => {
    const directory = tempDirectory();
    const { start, notes } = watched(tempDirectory());
    const receiving = start('receive', 'tcp:127.0.0.1:0', `${kind}:${join(directory, 'kept')}`);
    await migrate(start('migrate', GUEST, await receiving.says(/listening on (tcp:\S+)/)));
    await migrate(receiving);
    const calls = whileStopped(notes());
    const own = calls.filter(({ what, detail }) => what.startsWith('fs.') && detail.includes(directory));
    expect(own).not.toEqual([]);
    // Calls on a descriptor name no path; its opening did.
    const others = calls.filter(
      (call) => !own.includes(call) && !/^fs\.\w+Sync \d+$/.test(`${call.what} ${call.detail}`),
    );
    expect(named(others)).toEqual([]);
  });
});

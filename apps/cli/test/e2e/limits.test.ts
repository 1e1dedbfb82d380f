import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { run, start } from '../helpers/cli.js';
import { limited, pidsGroup } from '../helpers/limits.js';
import { tempDirectory } from '../helpers/temp.js';

/** As a user whom RLIMIT_NPROC binds, as root it does not. */
const NOBODY = 65534;
const limitedNobody = (threads: number) => [
  'setpriv',
  `--reuid=${NOBODY}`,
  `--regid=${NOBODY}`,
  '--clear-groups',
  ...limited(`-u ${threads}`),
];
const isRoot = process.getuid?.() === 0;

const group = pidsGroup();
/** @returns a shell that joins the group, which allows so many threads, and then becomes the command. */
const limitedGroup = (threads: number) => group?.limited(threads) ?? [];

/** The fewest threads with which it listens, as its own words have it. */
async function enoughFor(args: readonly string[]): Promise<number> {
  for (let limit = 10; ; ) {
    const running = start(args, { wrap: limitedGroup(limit) });
    const listens = running.says(/listening on (tcp:\S+)/).then(
      () => true,
      () => false,
    );
    if (await listens) {
      running.child.kill('SIGINT');
      await running.ended;
      return limit;
    }
    const { stderr } = await running.ended;
    const [, needed, , left] = /(\d+) more threads .* of (\d+) .* (\d+) are left/.exec(stderr) ?? [];
    expect(Number(needed), stderr).toBeGreaterThan(Number(left));
    limit += Number(needed) - Number(left);
  }
}

/**
 * Starts it until it listens: Node reads its certificates in a thread that ends some time later, and counts until then. So it may
 * be refused what is enough.
 */
async function listening(args: readonly string[], threads: number) {
  for (let turn = 0; turn < 20; turn++) {
    const running = start(args, { wrap: limitedGroup(threads) });
    const address = await running.says(/listening on (tcp:\S+)/).catch(() => undefined);
    if (address !== undefined) return { ...running, address };
    expect((await running.ended).stderr).toMatch(/more threads are needed/);
  }
  throw new Error(`${threads} threads are never enough`);
}

async function refused(wrap: readonly string[], args: readonly string[]) {
  const { code, signal, stdout, stderr } = await start([...args, '--json'], { wrap }).ended;
  expect({ code, signal }, stderr).toEqual({ code: 1, signal: null });
  expect(stderr).toMatch(/^multifd: [^\n]+\nhint: [^\n]+\n$/);
  const document = JSON.parse(stdout);
  expect(document).toMatchObject({ status: 'failed', 'error-class': 'io' });
  expect(document.hint).toMatch(/^(take fewer channels .*, or )?raise (pids\.max|ulimit -[nuv])/);
  return document['error-desc'];
}

describe('a limit of the system is one line, a hint and the document', () => {
  it.each([24, 32, 48, 64])('%i open files, 8 channels', async (files) => {
    const wrap = limited(`-n ${files}`);
    const words = /open files.*RLIMIT_NOFILE/;
    expect(await refused(wrap, ['migrate', 'demo:16M', 'loopback', '--channels', '8'])).toMatch(words);
    expect(await refused(wrap, ['receive', 'tcp:127.0.0.1:0', '--channels', '8'])).toMatch(words);
    const relay = ['relay', 'tcp:127.0.0.1:0', 'tcp:127.0.0.1:1', '--channels', '8'];
    expect(await refused(wrap, relay)).toMatch(words);
  });

  // What a hint advises must help.
  it.each([32, 48, 56, 64])(
    '%i open files: one channel runs where fewer channels are advised',
    async (files) => {
      const wrap = limited(`-n ${files}`);
      const words = (channels: number) => [
        'migrate',
        'demo:16M',
        'loopback',
        '--channels',
        `${channels}`,
        '--json',
      ];
      const eight = JSON.parse((await start(words(8), { wrap }).ended).stdout);
      expect(eight).toMatchObject({ status: 'failed', 'error-class': 'io' });
      const one = JSON.parse((await start(words(1), { wrap }).ended).stdout);
      expect(one.status).toBe(/fewer channels/.test(eight.hint) ? 'completed' : 'failed');
    },
  );

  it('a relay: the option of the side with more channels is named, and that helps', async () => {
    const wrap = limited('-n 60');
    const words = [
      'relay',
      'tcp:127.0.0.1:0',
      'tcp:127.0.0.1:1',
      '--channels',
      '1',
      '--outgoing-multifd-channels',
    ];
    const { code, stderr } = await start([...words, '2'], { wrap }).ended;
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^hint: take fewer channels \(--outgoing-multifd-channels\), or raise ulimit -n$/m,
    );
    const relay = start([...words, '1'], { wrap });
    await relay.says(/listening on (tcp:\S+)/);
    relay.child.kill('SIGINT');
    await relay.ended;
  });

  // A connection needs two, however many channels share a thread.
  it('512 open files, 255 channels', async () => {
    const args = ['migrate', 'demo:16M', 'loopback', '--channels', '255'];
    expect(await refused(limited('-n 512'), args)).toMatch(/RLIMIT_NOFILE/);
  });

  it('little address space', async () => {
    const args = ['migrate', 'demo:16M', 'loopback', '--channels', '16'];
    expect(await refused(limited('-v 3500000'), args)).toMatch(/address space.*RLIMIT_AS/);
  });

  it.skipIf(!isRoot)('few threads for a user (as root, who can become one)', async () => {
    const wrap = limitedNobody(24);
    const args = ['migrate', 'demo:16M', 'loopback', '--channels', '32'];
    expect(await refused(wrap, args)).toMatch(/threads.*RLIMIT_NPROC/);
  });

  // Node itself needs 7 threads before it runs anything.
  it.skipIf(group === undefined).each([10, 12, 14])(
    `pids.max %i, 8 channels${group === undefined ? ' (no control group with pids can be made here)' : ''}`,
    async (threads) => {
      const directory = tempDirectory();
      const words = new RegExp(
        `more threads are needed, and of ${threads} \\(pids\\.max of the control group\\)`,
      );
      const receive = ['receive', 'tcp:127.0.0.1:0', `raw:${join(directory, 'images')}`, '--channels', '8'];
      expect(await refused(limitedGroup(threads), receive)).toMatch(words);
      expect(await refused(limitedGroup(threads), ['migrate', 'demo:16M', '--channels', '8'])).toMatch(words);
      const relay = ['relay', 'tcp:127.0.0.1:0', 'tcp:127.0.0.1:1', '--channels', '8'];
      expect(await refused(limitedGroup(threads), relay)).toMatch(words);
      expect(readdirSync(directory)).toEqual([]);
    },
  );

  it.skipIf(group === undefined).each(['none', 'psk'])(
    'as many threads as are asked for are enough: a receive with digests, TLS: %s',
    async (tls) => {
      const directory = tempDirectory();
      const keys = join(directory, 'keys');
      if (tls === 'psk') expect((await run(['tls', 'init', keys, '--psk'])).code).toBe(0);
      const both = [
        '--channels',
        '2',
        '--json',
        ...(tls === 'psk' ? ['--tls-creds', keys, '--tls-psk'] : []),
      ];
      const receive = ['receive', 'tcp:127.0.0.1:0', `file:${join(directory, 'guest')}`, '--force', ...both];
      const enough = await enoughFor(receive);
      for (let turn = 0; turn < 3; turn++) {
        const receiving = await listening(receive, enough);
        const sent = await run(['migrate', 'demo:16M', receiving.address, '--verify', ...both]);
        expect(sent.code, sent.stderr).toBe(0);
        const { code, stderr } = await receiving.ended;
        expect(code, stderr).toBe(0);
      }
    },
  );

  it.skipIf(group === undefined).each([
    ['tls', 'init', 'keys'],
    ['inspect', 'guest.gz'],
    ['accel', 'list'],
    ['accel', 'bench', '--samples', '1'],
    ['store', 'ls', 'guests'],
    ['store', 'show', 'guests#a'],
    ['store', 'diff', 'guests#a', 'guests#b'],
    ['store', 'verify', 'guests'],
    ['store', 'rm', 'guests#a'],
    ['store', 'gc', 'guests'],
    ['store', 'export', 'guests#a', 'file:a'],
    ['store', 'import', 'file:a', 'guests#a'],
  ])('too few threads for Node itself: %s %s', async (...args) => {
    const cwd = tempDirectory();
    writeFileSync(join(cwd, 'guest.gz'), gzipSync(Buffer.alloc(2 ** 20)));
    const { code, signal, stdout, stderr } = await start([...args, '--json'], { wrap: limitedGroup(9), cwd })
      .ended;
    expect({ code, signal }, stderr).toEqual({ code: 1, signal: null });
    expect(stderr).toMatch(/^multifd: 4 more threads are needed.*\nhint: raise pids\.max[^\n]+\n$/);
    expect(JSON.parse(stdout)).toMatchObject({ status: 'failed', 'error-class': 'io' });
  });

  it.skipIf(group === undefined).each([8, 9, 10])('a trace, pids.max %i', async (threads) => {
    const trace = join(tempDirectory(), 'trace');
    for (const args of [
      ['receive', 'tcp:127.0.0.1:0'],
      ['migrate', 'demo:4M'],
      ['relay', 'tcp:127.0.0.1:0', 'tcp:127.0.0.1:1'],
    ]) {
      const { code, signal, stdout, stderr } = await start([...args, '--trace', trace, '--json'], {
        wrap: limitedGroup(threads),
      }).ended;
      expect({ code, signal }, stderr).toEqual({ code: 1, signal: null });
      expect(stderr).toMatch(/^multifd: \d+ more threads are needed.*\nhint: [^\n]+\n$/);
      expect(JSON.parse(stdout)).toMatchObject({ status: 'failed', 'error-class': 'io' });
    }
  });

  // A graphics card's driver starts threads of its own, and ends the process where it cannot.
  it.skipIf(group === undefined).each([12, 13, 14, 16, 20])('accel list, pids.max %i', async (threads) => {
    const { code, signal, stdout, stderr } = await start(['accel', 'list', '--json'], {
      wrap: limitedGroup(threads),
    }).ended;
    expect({ code, signal }, stderr).toEqual({ code: 0, signal: null });
    expect(JSON.parse(stdout).accelerators.length).toBeGreaterThan(5);
  });

  // What is measured are two processes more.
  it.skipIf(group === undefined).each([14, 20, 27, 35])('bench, pids.max %i', async (threads) => {
    const bench = [
      'bench',
      '--scenario',
      'zero',
      '--size',
      '16M',
      '--channels',
      '2',
      '--peer',
      'none',
      '--runs',
      '1',
    ];
    expect(await refused(limitedGroup(threads), bench)).toMatch(/more threads are needed, and of \d+ \(pids/);
  });

  it('a receive that is refused has made nothing', async () => {
    const directory = tempDirectory();
    for (const target of [`file:${join(directory, 'guest')}`, `raw:${join(directory, 'images')}`]) {
      await refused(limited('-n 64'), ['receive', 'tcp:127.0.0.1:0', target, '--channels', '8']);
    }
    expect(readdirSync(directory)).toEqual([]);
  });

  it('what is enough is enough', async () => {
    const { code, stderr } = await start(['migrate', 'demo:16M', 'loopback'], { wrap: limited('-n 96') })
      .ended;
    expect(code, stderr).toBe(0);
  });
});

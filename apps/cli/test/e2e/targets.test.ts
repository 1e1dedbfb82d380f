import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { canMount, eventually, run, start, startReceive } from '../helpers/cli.js';
import { allocated } from '../helpers/images.js';
import { tempDirectory } from '../helpers/temp.js';

const KINDS = ['file', 'raw'] as const;

function targetIn(kind: (typeof KINDS)[number], directory: string): string {
  return kind === 'file' ? `file:${join(directory, 'guest.mig')}` : `raw:${directory}`;
}

describe.each(KINDS)('what is being written to, %s', (kind) => {
  it.each([
    ['cut short', /cut it short/, (path: string) => truncateSync(path, 0)],
    ['removed', /removed or renamed it/, (path: string) => rmSync(path)],
    [
      'replaced',
      /replaced it/,
      (path: string) => {
        renameSync(path, `${path}x`);
        writeFileSync(path, 'theirs');
      },
    ],
  ])('and %s by another process: the guest stays at its source', async (_, message, touch) => {
    const directory = tempDirectory();
    const receiving = await startReceive([targetIn(kind, directory)]);
    const source = start(['migrate', 'demo:16M', receiving.address, '--max-bandwidth', '8M']);
    let hidden = '';
    await eventually('pages are written', () => {
      hidden = readdirSync(directory).sort().at(-1) ?? '';
      return hidden !== '' && allocated(join(directory, hidden)) > 0;
    });
    touch(join(directory, hidden));
    const { code, stderr } = await receiving.ended;
    expect(stderr).toMatch(message);
    expect(code).toBe(1);
    expect((await source.ended).code).toBe(1);
    // What they put there is theirs.
    expect(readdirSync(directory).every((name) => name.startsWith(hidden))).toBe(true);
  });

  it("is nobody else's, whatever was planted under names that can be foreseen", async () => {
    const directory = tempDirectory();
    const victim = join(tempDirectory(), 'victim');
    writeFileSync(victim, 'precious');
    const receiving = await startReceive([targetIn(kind, directory)]);
    const { pid } = receiving.child;
    for (const name of ['guest.mig', 'pc.ram.raw', '.pc.ram.raw'])
      symlinkSync(victim, join(directory, `${name}.partial-${pid}`));
    const planted = readdirSync(directory);
    const source = start(['migrate', 'demo:16M', receiving.address, '--max-bandwidth', '16M']);
    await eventually('it is begun', () => readdirSync(directory).length > planted.length);
    for (const name of readdirSync(directory)) {
      if (planted.includes(name)) continue;
      const stats = lstatSync(join(directory, name));
      expect([stats.isFile(), stats.mode & 0o777, stats.uid]).toEqual([true, 0o600, process.geteuid?.()]);
    }
    expect((await receiving.ended).code).toBe(0);
    expect((await source.ended).code).toBe(0);
    expect(readFileSync(victim, 'utf8')).toBe('precious');
  });
});

describe('what --force never replaces', () => {
  it.runIf(process.platform === 'linux')('a FIFO, a directory', async () => {
    const directory = tempDirectory();
    const fifo = join(directory, 'fifo');
    spawnSync('mkfifo', [fifo]);
    const refused = await run(['receive', 'tcp:127.0.0.1:0', `file:${fifo}`, '--force']);
    expect(refused).toMatchObject({ code: 2, stdout: '' });
    expect(refused.stderr).toMatch(/^multifd: .+ is a FIFO: it is never replaced\nhint: .+\n$/);
    expect(lstatSync(fifo).isFIFO()).toBe(true);
    const inPlace = await run(['receive', 'tcp:127.0.0.1:0', `file:${directory}`, '--force']);
    expect(inPlace).toMatchObject({ code: 2, stderr: expect.stringMatching(/: a directory\n/) });
  });
});

const isRoot = process.geteuid?.() === 0;
const NOBODY = 65_534;

describe.runIf(process.platform === 'linux' && isRoot)(
  'what --force could not replace at the end (as root)',
  () => {
    /** Root without what lets it do what it likes with others' files. */
    const wrap = ['setpriv', '--bounding-set', '-all', '--inh-caps', '-all'];

    async function guestThere(kind: (typeof KINDS)[number]) {
      const directory = tempDirectory();
      const target = targetIn(kind, directory);
      const first = await startReceive([target]);
      expect((await run(['migrate', 'demo:1M', first.address])).code).toBe(0);
      expect((await first.ended).code).toBe(0);
      return { directory, target, names: readdirSync(directory) };
    }

    it.each(KINDS)("another user's, in a directory like /tmp, %s", async (kind) => {
      const { directory, target, names } = await guestThere(kind);
      for (const name of names) chownSync(join(directory, name), NOBODY, NOBODY);
      for (const name of names) chmodSync(join(directory, name), 0o666);
      chownSync(directory, NOBODY, NOBODY);
      chmodSync(directory, 0o1777);
      const refused = await start(['receive', 'tcp:127.0.0.1:0', target, '--force'], { wrap }).ended;
      expect(refused.stderr).toMatch(
        /^multifd: .+ cannot be replaced: it belongs to another user\nhint: .+\n$/,
      );
      expect(refused.code).toBe(2);
      expect(readdirSync(directory)).toEqual(names);
      // Whoever owns the directory may.
      chownSync(directory, 0, 0);
      const receiving = start(['receive', 'tcp:127.0.0.1:0', target, '--force'], { wrap });
      const address = await receiving.says(/listening on (tcp:\S+)/);
      expect((await run(['migrate', 'demo:1M', address])).code).toBe(0);
      expect((await receiving.ended).code).toBe(0);
    });

    it.for(KINDS)('immutable, %s', async (kind, { skip }) => {
      const { directory, target, names } = await guestThere(kind);
      const path = join(directory, names[0] ?? '');
      if (spawnSync('chattr', ['+i', path]).status !== 0) skip('this file system knows no chattr');
      try {
        const refused = await run(['receive', 'tcp:127.0.0.1:0', target, '--force']);
        expect(refused.stderr).toMatch(/^multifd: .+ cannot be replaced: it is immutable .+\nhint: .+\n$/);
        expect(refused.code).toBe(2);
        expect(readdirSync(directory)).toEqual(names);
      } finally {
        spawnSync('chattr', ['-i', path]);
      }
    });
  },
);

describe.each(KINDS)('a place that cannot be written to is found out before anybody connects, %s', (kind) => {
  /** Port 0 and no source: whoever listens would wait for ever. */
  const receive = (place: string, mount?: string) =>
    run(
      ['receive', 'tcp:127.0.0.1:0', targetIn(kind, place), '--json'],
      mount === undefined ? {} : { mount },
    );

  it('one of the system', async () => {
    const { code, stderr, stdout } = await receive('/sys/kernel');
    expect(stderr).toMatch(/^multifd: .+\((EACCES|EPERM|EROFS)\)\nhint: .+\n$/);
    expect(code).toBe(2);
    expect(JSON.parse(stdout)).toMatchObject({ status: 'failed', 'error-class': 'usage' });
  });

  it.runIf(process.platform === 'linux')('one that is there and takes nothing new', async () => {
    const { code, stderr } = await receive('/proc');
    expect(stderr).toMatch(
      /^multifd: .+ in \/proc: it is there, but takes nothing new \(ENOENT\)\nhint: name another place: .+\n$/,
    );
    expect(code).toBe(2);
  });

  it('one whose directory is not there: nothing is made', async () => {
    const directory = tempDirectory();
    const place = join(directory, 'not', 'there');
    const { code, stderr } = await receive(join(place, 'either'));
    expect(stderr).toMatch(/^multifd: .+there is no directory .+\nhint: make it first.+\n$/);
    expect(code).toBe(2);
    expect(readdirSync(directory)).toEqual([]);
  });

  it.runIf(canMount).each([
    ['read-only', '-t tmpfs -o ro x', 2, /\(EROFS\)\nhint: /],
    ['hugetlbfs', '-t hugetlbfs x', 2, /is on hugetlbfs, whose files cannot be written to\nhint: /],
    ['full', '-t tmpfs -o size=4k,nr_inodes=1 x', 1, /\(ENOSPC\)\nhint: free space /],
  ])('one that is %s', async (_, mount, exit, message) => {
    const directory = tempDirectory();
    const { code, stderr } = await receive(directory, `${mount} ${directory}`);
    expect(stderr).toMatch(message);
    expect(code).toBe(exit);
  });
});

describe('a directory for images', () => {
  it('is made when the guest comes, and does not stay when it does not', async () => {
    const directory = join(tempDirectory(), 'new');
    const receiving = await startReceive([`raw:${directory}`]);
    expect(existsSync(directory)).toBe(false);
    const source = start(['migrate', 'demo:64M', receiving.address, '--max-bandwidth', '4M']);
    await eventually('it is begun', () => existsSync(directory) && readdirSync(directory).length > 0);
    receiving.child.kill('SIGINT');
    expect((await receiving.ended).code).toBe(130);
    expect(existsSync(directory)).toBe(false);
    await source.ended;
  });

  it('does not stay when nobody has come', async () => {
    const directory = join(tempDirectory(), 'new');
    const receiving = await startReceive([`raw:${directory}`]);
    receiving.child.kill('SIGINT');
    expect((await receiving.ended).code).toBe(130);
    expect(existsSync(directory)).toBe(false);
  });

  it('that was there stays, and so does what others put into it', async () => {
    const directory = join(tempDirectory(), 'new');
    const receiving = await startReceive([`raw:${directory}`]);
    const source = start(['migrate', 'demo:64M', receiving.address, '--max-bandwidth', '4M']);
    await eventually('it is begun', () => existsSync(directory) && readdirSync(directory).length > 0);
    writeFileSync(join(directory, 'notes'), 'theirs');
    receiving.child.kill('SIGINT');
    await receiving.ended;
    expect(readdirSync(directory)).toEqual(['notes']);
    expect(statSync(directory).isDirectory()).toBe(true);
    await source.ended;
  });
});

describe.runIf(canMount)('a disk that becomes full', () => {
  it.each(KINDS.flatMap((kind) => ['auto', 'none'].map((host) => [kind, host] as const)))(
    'is what the destination says, every time, and not what followed from it: %s, host %s',
    async (kind, host) => {
      for (let round = 0; round < 6; round++) {
        const directory = tempDirectory();
        const receiving = await startReceive(
          [targetIn(kind, directory), '--multifd-channels', '4', '--host', host],
          { mount: `-t tmpfs -o size=4m x ${directory}` },
        );
        const source = await run([
          'migrate',
          'demo:64M,zero=0.1',
          receiving.address,
          '--multifd-channels',
          '4',
        ]);
        expect(source.code).toBe(1);
        const { code, stderr } = await receiving.ended;
        expect(stderr, `round ${round}`).toMatch(/no space left .*ENOSPC.*\nhint: free space /);
        expect(code).toBe(1);
      }
    },
    120_000,
  );
});

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { probe } from '@multifd/host-linux';
import { describe, expect, it } from 'vitest';
import { canMount, run, start, startReceive } from '../helpers/cli.js';
import { writeSparse } from '../helpers/images.js';
import { recordingProxy } from '../helpers/recording-proxy.js';
import { tempDirectory } from '../helpers/temp.js';

const MIB = 2 ** 20;
const PAGE = 4096;
const found = probe();
/** Shown in the name of each skipped test: a skip is no pass. */
const absent = found.ok ? '' : ` (host-linux is not here: ${found.reason})`;
const HOSTS = ['linux', 'none'] as const;
const MAPPED = ['auto', 'anon', 'thp', 'memfd', 'file'] as const;
/** Whether this kernel gives huge pages to who asks for them. */
const huge = !/\[never\]|^$/.test(readable('/sys/kernel/mm/transparent_hugepage/enabled'));

function readable(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

describe.skipIf(!found.ok)(`host-linux${absent}`, () => {
  it('either end may have it: same memory, same bytes on the wire', async () => {
    const sent = new Set<string>();
    for (const source of HOSTS) {
      for (const destination of HOSTS) {
        const receiving = await startReceive(['--host', destination, '--channels', '1', '--json']);
        const proxy = await recordingProxy(receiving.address);
        try {
          // When runs of zero pages begin depends on when the destination's answer comes.
          const wire = ['--wire', 'qemu'];
          const args = ['demo:24M,zero=0.4,populate', proxy.address, '--channels', '1', '--json', ...wire];
          const migrated = await run(['migrate', ...args, '--host', source]);
          expect(migrated, `${source} to ${destination}`).toMatchObject({ code: 0, stderr: '' });
          const document = JSON.parse(migrated.stdout);
          expect(document).toMatchObject({
            verified: true,
            host: { name: source === 'linux' ? 'host-linux' : null },
          });
          expect((await receiving.ended).code).toBe(0);
          const digests = proxy.recorded.map((chunks) => {
            const bytes = Buffer.concat(chunks);
            return `${bytes.length} ${createHash('sha256').update(bytes).digest('hex')}`;
          });
          expect(digests).toHaveLength(2);
          sent.add(digests.toSorted().join());
        } finally {
          proxy.close();
        }
      }
    }
    expect(sent.size).toBe(1);
  });

  it.each(MAPPED.flatMap((backing) => ['none', 'legacy', 'multifd'].map((mode) => [backing, mode] as const)))(
    'backing %s, zero-page-detection %s: arrives byte for byte',
    async (backing, mode) => {
      const source = `demo:24M,zero=0.6,backing=${backing}`;
      const { code, stdout, stderr } = await run([
        'migrate',
        source,
        '--zero-page-detection',
        mode,
        '--json',
      ]);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(JSON.parse(stdout)).toMatchObject({ verified: true, host: { name: 'host-linux', backing } });
    },
  );

  it.skipIf(!huge).each([
    ['auto', 64 * MIB],
    ['anon', 0],
    ['thp', 64 * MIB],
  ])('a full guest, backing %s: %i bytes in huge pages on both ends', async (backing, bytes) => {
    const { code, stdout } = await run(['migrate', `demo:64M,zero=0,backing=${backing}`, '--json']);
    expect(code).toBe(0);
    const document = JSON.parse(stdout);
    expect(document).toMatchObject({ verified: true, host: { backing } });
    // The block of tables, 128 KiB, has none.
    expect(document['huge-pages']).toEqual({ source: bytes, destination: bytes });
  });

  it('a receive says what its memory is', async () => {
    const receiving = await startReceive(['--json']);
    const sent = await run(['migrate', 'demo:64M,zero=0', receiving.address]);
    expect(sent.code, sent.stderr).toBe(0);
    const { code, stdout } = await receiving.ended;
    expect(code).toBe(0);
    const allocated = 64 * MIB + 131_072;
    const memory = { backing: 'auto', allocated, 'huge-pages': huge ? 64 * MIB : 0 };
    expect(JSON.parse(stdout)).toMatchObject({ memory });
  });

  it('a guest with one page of content among 512 takes the memory of those pages', async () => {
    const { code, stdout } = await run(['migrate', `demo:1G,zero=${511 / 512}`, '--json']);
    expect(code).toBe(0);
    const document = JSON.parse(stdout);
    expect(document).toMatchObject({ verified: true, 'huge-pages': { source: 0, destination: 0 } });
    const bytes = document.ram['normal-bytes'];
    expect(bytes).toBeGreaterThan(MIB);
    expect(document.allocated).toEqual({ source: bytes, destination: bytes });
    // In huge pages it would be most of the GiB.
    expect(Math.max(document['peak-rss'].source, document['peak-rss'].destination)).toBeLessThan(250 * MIB);
  });

  it.each(['auto', 'anon', 'thp', 'memfd'])(
    '100 GiB, untouched, backing %s: costs no memory',
    async (backing) => {
      const { code, stdout, stderr } = await run([
        'migrate',
        `demo:100G,zero=1,backing=${backing}`,
        '--json',
      ]);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      const document = JSON.parse(stdout);
      expect(document).toMatchObject({
        verified: true,
        ram: { normal: 0, total: 100 * 1024 * MIB + 131072 },
      });
      expect(Math.max(document['peak-rss'].source, document['peak-rss'].destination)).toBeLessThan(200 * MIB);
      expect(document.allocated).toEqual({ source: 0, destination: 0 });
    },
  );

  it('a memfd that is larger than a file may be: what to raise is named', async () => {
    const { code, stderr } = await run(['migrate', 'demo:64M,backing=memfd'], { limitFileSize: 1024 });
    expect(stderr).toMatch(/cannot size a memfd: File too large .*\nhint: raise ulimit -f/);
    expect(code).toBe(1);
  });

  it('a memfd guest has as many allocated blocks on both ends, also where zero-page-detection is none', async () => {
    for (const mode of ['multifd', 'legacy'] as const) {
      // So few that none of it is in huge pages, where the kernel has them for shared memory.
      const source = 'demo:64M,zero=0.9,backing=memfd';
      const { stdout } = await run(['migrate', source, '--zero-page-detection', mode, '--json']);
      const { allocated, ram } = JSON.parse(stdout);
      expect(allocated, mode).toEqual({ source: ram['normal-bytes'], destination: ram['normal-bytes'] });
    }
    // Every page is content then, and the source must still not get one by being looked at.
    const { stdout } = await run([
      'migrate',
      'demo:64M,zero=1,backing=memfd',
      '--zero-page-detection',
      'none',
      '--json',
    ]);
    expect(JSON.parse(stdout)).toMatchObject({ verified: true, allocated: { source: 0 } });
  });

  it.each(
    MAPPED.flatMap((backing) => ['auto', 'uffd', 'digest', 'marks'].map((tracker) => [backing, tracker])),
  )('a running guest, backing %s, tracker %s: no write is lost', async (backing, tracker) => {
    const source = `demo:32M,zero=0.5,dirty=64M,backing=${backing},tracker=${tracker}`;
    const running = start(['migrate', source, '--json', '--downtime-limit', '1000']);
    const { code, stdout, stderr } = await running.ended;
    // The kernel may not have that one: then it says so, and nothing else.
    if (code === 3) {
      expect(tracker).not.toBe('auto');
      expect(stderr).toMatch(/tracker/);
      return;
    }
    expect(code, stderr).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ verified: true, guest: { state: 'ran on' } });
  });

  it.each(['none', 'legacy', 'multifd'])(
    'a running guest with digests is sampled for compression auto, zero-page-detection %s: no write is lost',
    async (mode) => {
      const source = 'demo:256M,dirty=64M,fill=text,tracker=digest';
      const args = [
        '--compression',
        'auto',
        '--zero-page-detection',
        mode,
        '--downtime-limit',
        '5000',
        // Slow enough that the choice is made before the guest is gone.
        '--max-bandwidth',
        '100M',
        '--json',
      ];
      const { code, stdout, stderr } = await run(['migrate', source, ...args]);
      expect(code, stderr).toBe(0);
      // It was chosen from a sample, and not left at none because the guest was gone before.
      expect(JSON.parse(stdout)).toMatchObject({
        verified: true,
        compression: { requested: 'auto', chosen: { name: expect.any(String) } },
      });
    },
  );

  it.runIf(canMount)('a guest whose disk was full is not said to be intact', async () => {
    const directory = tempDirectory();
    const receiving = await startReceive([]);
    const { code, stdout, stderr } = await run(
      ['migrate', 'demo:32M,zero=0,backing=file', receiving.address, '--json'],
      { mount: `-t tmpfs -o size=8M full ${directory}`, env: { ...process.env, TMPDIR: directory } },
    );
    expect(code).toBe(1);
    expect(stderr).toMatch(/^multifd: RAM block pc\.ram: .+ the guest's memory is not whole\nhint: .+\n$/);
    expect(stderr).toContain('here it is not as it was: look at it before you run it');
    expect(stderr).not.toContain('intact');
    expect(JSON.parse(stdout)).toMatchObject({ status: 'failed', 'guest-at': 'source' });
    receiving.child.kill('SIGINT');
    await receiving.ended;
  });

  it('raw: images are mapped by a source, with and without on either side, and holes stay holes', async () => {
    const directory = tempDirectory();
    const image = join(directory, 'guest.ram');
    writeSparse(image, 32 * MIB, [
      { at: 3 * MIB, bytes: Buffer.alloc(5 * PAGE, 7) },
      { at: 31 * MIB, bytes: Buffer.alloc(PAGE, 9) },
    ]);
    for (const [source, destination] of [
      ['linux', 'none'],
      ['none', 'linux'],
      ['linux', 'linux'],
    ] as const) {
      const target = join(directory, `${source}-${destination}`);
      const receiving = await startReceive([`raw:${target}`, '--host', destination]);
      const sent = await run(['migrate', `raw:${image}`, receiving.address, '--verify', '--host', source]);
      expect(sent.code, sent.stderr).toBe(0);
      expect((await receiving.ended).code).toBe(0);
      const { stdout } = await run(['migrate', `raw:${target}`, '--host', source, '--json']);
      expect(JSON.parse(stdout)).toMatchObject({ verified: true, ram: { normal: 6 } });
    }
  });
});

import { type ChildProcess, spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { allocateGuestRam, migrate } from '@multifd/core';
import { describe, expect, it } from 'vitest';
import {
  canMount,
  childrenOf,
  connected,
  eventually,
  isAlive,
  residentBytes,
  run,
  start,
  startReceive,
} from '../helpers/cli.js';
import { writeSparse } from '../helpers/images.js';
import { tempDirectory } from '../helpers/temp.js';

/** A migration that would go on for a minute: long enough to do something to it. */
const SLOW = ['demo:256M,dirty=1M', '--max-bandwidth', '4M', '--json'];
/** ms; an end within seconds, with room for a busy machine. */
const SOON = 15_000;
const onLinux = process.platform === 'linux';

async function endsSoon<T>(ended: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('it did not end')), SOON);
  });
  return Promise.race([ended, late]).finally(() => clearTimeout(timer));
}

/** The process id of a loopback's destination, once it is connected. */
async function loopbackConnected(source: ChildProcess): Promise<number> {
  await eventually('a loopback destination', () => childrenOf(source.pid).length === 1);
  const [destination = 0] = childrenOf(source.pid);
  await connected(destination);
  return destination;
}

describe('the two ends do not fit', () => {
  const UUID = '550e8400-e29b-41d4-a716-446655440000';

  it('uuid', async () => {
    const destination = await startReceive(['--uuid', UUID]);
    const source = await run(['migrate', 'demo:4M', destination.address]);
    expect(source).toMatchObject({ code: 4, stdout: '' });
    expect(source.stderr).toMatch(
      /the destination says: (?:the source has another guest: )?channel \d+: init packet uuid .*\nhint: .*intact here\n$/,
    );
    // It is not for a stranger to know.
    expect(source.stderr).not.toContain(UUID);
    await destination.says(/refused 127.0.0.1:\d+: .*uuid/);
    // It waits on, and takes the right one.
    expect((await run(['migrate', 'demo:4M', destination.address, '--uuid', UUID])).code).toBe(0);
    expect((await endsSoon(destination.ended)).code).toBe(0);
  });

  it('more RAM than may be announced, for memory and for images', async () => {
    const directory = tempDirectory();
    for (const target of [[], [`raw:${directory}`]]) {
      const destination = await startReceive([...target, '--max-ram', '8M']);
      const source = await run(['migrate', 'demo:16M', destination.address]);
      expect(source).toMatchObject({ code: 4, stdout: '' });
      expect(source.stderr).toMatch(
        /the destination says: .*16\.1 MiB of RAM, and at most 8\.0 MiB.*--max-ram/,
      );
      const { code, stderr } = await endsSoon(destination.ended);
      expect(code).toBe(4);
      expect(stderr).toMatch(/announces 16\.1 MiB of RAM, and at most 8\.0 MiB.*\nhint: .*--max-ram/);
    }
    expect(readdirSync(directory)).toEqual([]);
  });

  it('more than a tebibyte, unless it is asked for', async () => {
    const image = join(tempDirectory(), 'huge.ram');
    writeSparse(image, 2 ** 40 + 4096, []);
    const destination = await startReceive([]);
    const source = await run(['migrate', `raw:${image}`, destination.address]);
    expect(source).toMatchObject({ code: 4, stdout: '' });
    expect(source.stderr).toMatch(/the destination says: .*at most 1\.0 TiB/);
    const { code, stderr } = await endsSoon(destination.ended);
    expect(code).toBe(4);
    expect(stderr).toContain('at most 1.0 TiB');
  });

  it('machine type', async () => {
    const destination = await startReceive(['--machine-type', 'pc-q35-9.2']);
    const wrong = ['--machine-type', 'virt-9.2'];
    const source = await run(['migrate', 'demo:4M', destination.address, ...wrong, '--json']);
    expect(source.code).toBe(4);
    expect(JSON.parse(source.stdout)).toMatchObject({
      'error-class': 'incompatible',
      'error-desc': expect.stringMatching(
        /^the destination says: .*machine type: expected pc-q35-9.2, got virt-9.2/,
      ),
      'guest-at': 'source',
    });
    await destination.says(/refused 127.0.0.1:\d+: .*virt-9.2/);
    const right = ['--machine-type', 'pc-q35-9.2'];
    expect((await run(['migrate', 'demo:4M', destination.address, ...right])).code).toBe(0);
    expect((await endsSoon(destination.ended)).code).toBe(0);
  });

  it.each([
    { channels: 2, wrong: 4, says: 'the source has 4 channels, expected 2' },
    { channels: 3, wrong: 1, says: 'the source has 1 channel, expected 3' },
  ])('$channels channels at the destination, $wrong at the source', async ({ channels, wrong, says }) => {
    const destination = await startReceive(['--channels', `${channels}`]);
    // Told long before a time limit is over: the default is 30 s.
    const limits = ['--setup-timeout', '600000', '--stall-timeout', '600000'];
    const to = ['migrate', 'demo:4M', destination.address, ...limits, '--channels'];
    const source = await run([...to, `${wrong}`]);
    expect(source.code).toBe(4);
    expect(source.stderr).toContain(`the destination says: ${says} (set multifd-channels to the same number`);
    await destination.says(new RegExp(`refused 127.0.0.1:\\d+: ${says} \\(set multifd-channels`));
    // It waits on, for one that fits.
    expect((await run([...to, `${channels}`])).code).toBe(0);
    expect((await endsSoon(destination.ended)).code).toBe(0);
  });
});

describe('the destination cannot keep the guest', () => {
  it.each(['raw', 'file'])('%s: where files may not become so large', async (kind) => {
    const directory = tempDirectory();
    const target = kind === 'raw' ? `raw:${directory}` : `file:${join(directory, 'guest.mig')}`;
    const destination = await startReceive([target], { limitFileSize: 1024 });
    const source = await run(['migrate', 'demo:16M', destination.address]);
    expect(source).toMatchObject({ code: 1, stdout: '' });
    expect(source.stderr).toMatch(/^multifd: the destination says: .*EFBIG.*\nhint: .*intact here\n$/);
    expect((await endsSoon(destination.ended)).code).toBe(1);
  });

  it.runIf(canMount)('a full disk', async () => {
    const directory = tempDirectory();
    const mount = `-t tmpfs -o size=8m x ${directory}`;
    const destination = await startReceive([`file:${join(directory, 'guest.mig')}`], { mount });
    const source = await run(['migrate', 'demo:64M,zero=0', destination.address]);
    expect(source).toMatchObject({ code: 1, stdout: '' });
    expect(source.stderr).toMatch(/^multifd: the destination says: .*ENOSPC.*\nhint: .*intact here\n$/);
    expect((await endsSoon(destination.ended)).code).toBe(1);
  });

  it('it is interrupted', async () => {
    const directory = tempDirectory();
    const destination = await startReceive([`raw:${directory}`]);
    const source = start(['migrate', ...SLOW, destination.address]);
    await eventually('the images are begun', () => readdirSync(directory).length > 0);
    destination.child.kill('SIGINT');
    const { code, stdout } = await endsSoon(source.ended);
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({
      'error-desc': expect.stringMatching(/^the destination says: the migration was cancelled/),
      'guest-at': 'source',
    });
  });
});

describe('nobody there', () => {
  it('connection refused is one line with what to do', async () => {
    const destination = await startReceive([]);
    destination.child.kill('SIGKILL');
    await destination.ended;
    const source = await run(['migrate', 'demo:4M', destination.address]);
    expect(source).toMatchObject({ code: 1, stdout: '' });
    expect(source.stderr).toMatch(/^multifd: .*ECONNREFUSED.*\nhint: .+\n$/);
  });

  it('a port that is in use is one line with what to do', async () => {
    const first = await startReceive([]);
    const second = await run(['receive', first.address]);
    expect(second).toMatchObject({ code: 1, stdout: '' });
    expect(second.stderr).toMatch(/^multifd: .*EADDRINUSE.*\nhint: .+\n$/);
  });

  it('a foreign client is turned away, and the guest that comes after it is taken', async () => {
    const destination = await startReceive([]);
    const port = Number(destination.address.split(':').at(-1));
    const foreign = connect(port, '127.0.0.1', () => foreign.write('GET / HTTP/1.1\r\n\r\n'));
    foreign.on('error', () => {});
    await destination.says(/refused/);
    const source = await run(['migrate', 'demo:4M', destination.address]);
    expect(source.code).toBe(0);
    expect((await destination.ended).code).toBe(0);
  });
});

describe('interrupted', () => {
  it('after a source was refused that may have let go of its guest: the document says so', async () => {
    const { address, child, says, ended } = await startReceive(['--machine-type', 'pc', '--json']);
    const { blocks } = allocateGuestRam([{ name: 'pc.ram', length: 2 ** 20 }], 4096);
    const sent = migrate({
      guest: { ram: { pageSize: 4096, blocks } },
      to: address,
      parameters: { zeroPageDetection: 'none', returnPath: false },
    }).catch((error: unknown) => error);
    await says(/refused 127.0.0.1:\d+: .*machine type.*may have let go of the guest/);
    child.kill('SIGINT');
    const { code, stdout } = await ended;
    expect(code).toBe(130);
    const { refused, ...rest } = JSON.parse(stdout);
    expect(rest).toMatchObject({ status: 'cancelled', 'guest-at': null });
    expect(refused[0]).toEqual({
      peer: expect.stringMatching(/^127.0.0.1:\d+$/),
      reason: expect.stringMatching(/machine type: expected pc, got none.*may have let go of the guest/),
    });
    await sent;
  });

  it('before a source comes: receive exits 130', async () => {
    const destination = await startReceive(['--json']);
    destination.child.kill('SIGTERM');
    const { code, stdout } = await endsSoon(destination.ended);
    expect(code).toBe(130);
    expect(JSON.parse(stdout)).toMatchObject({ status: 'cancelled' });
  });

  it.runIf(onLinux)(
    'in the middle: the guest runs on, exit 130, and the loopback process is gone',
    async () => {
      const source = start(['migrate', ...SLOW]);
      const destination = await loopbackConnected(source.child);
      source.child.kill('SIGINT');
      const { code, stdout } = await endsSoon(source.ended);
      expect(code).toBe(130);
      expect(JSON.parse(stdout)).toMatchObject({
        status: 'cancelled',
        verified: null,
        guest: { state: 'runs' },
      });
      await eventually('the destination ends', () => !isAlive(destination));
    },
  );

  it('while the guest is made', async () => {
    const source = start(['migrate', 'demo:8G,zero=0', '--json']);
    // Node takes a tenth of it: then some of the guest is there, and most is not.
    await eventually(
      'a part of the guest is made',
      () => residentBytes(source.child.pid) > 512 * 2 ** 20,
      60_000,
    );
    source.child.kill('SIGINT');
    const { code, stdout } = await endsSoon(source.ended);
    expect(code).toBe(130);
    expect(JSON.parse(stdout)).toMatchObject({ status: 'cancelled' });
  });
});

describe('a process dies', () => {
  /** Both processes, once the destination has made room for the guest. */
  async function underWay() {
    const directory = tempDirectory();
    const destination = await startReceive([`raw:${directory}`]);
    const source = start(['migrate', ...SLOW, destination.address]);
    await eventually('the images are begun', () => readdirSync(directory).length > 0);
    return { directory, destination, source };
  }

  it('the destination: the source fails within seconds with a clear line', async () => {
    const { directory, destination, source } = await underWay();
    destination.child.kill('SIGKILL');
    const { code, stdout, stderr } = await endsSoon(source.ended);
    // What it could not remove is not to be taken for an image.
    expect(readdirSync(directory).every((name) => /^\..+\.raw\.partial-/.test(name))).toBe(true);
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ status: 'failed', guest: { state: 'runs' } });
    expect(stderr).toMatch(/^multifd: .+\n(hint: .+\n)?$/);
  });

  it('the source: the destination fails within seconds with a clear line, and nothing stays', async () => {
    const { directory, destination, source } = await underWay();
    source.child.kill('SIGKILL');
    const { code, stdout, stderr } = await endsSoon(destination.ended);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    // Nobody here can see whether it still runs: the guest may be gone with it.
    expect(stderr).toMatch(
      /^multifd: listening on .+\nmultifd: .+\nhint: .*it is at its source, if that still runs\n$/,
    );
    expect(stderr).not.toMatch(/intact/);
    expect(readdirSync(directory)).toEqual([]);
  });

  it('the source of a relay: nor can the relay, or its destination', async () => {
    const directory = tempDirectory();
    const destination = await startReceive([`raw:${directory}`]);
    const relay = start(['relay', 'tcp:127.0.0.1:0', destination.address, '--json']);
    const source = start(['migrate', ...SLOW, await relay.says(/listening on (tcp:\S+)/)]);
    await eventually('the images are begun', () => readdirSync(directory).length > 0);
    source.child.kill('SIGKILL');
    const ended = await endsSoon(relay.ended);
    expect(JSON.parse(ended.stdout)).toMatchObject({ status: 'failed', 'guest-at': 'source' });
    for (const { stderr } of [ended, await endsSoon(destination.ended)]) {
      expect(stderr).toMatch(/hint: .*it is at its source, if that still runs\n$/);
      expect(stderr).not.toMatch(/intact/);
    }
  });

  it.runIf(onLinux)('the loopback destination: it is named, once, and so is where the guest is', async () => {
    const source = start(['migrate', ...SLOW]);
    process.kill(await loopbackConnected(source.child), 'SIGKILL');
    const { code, stderr } = await endsSoon(source.ended);
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^multifd: the loopback destination was ended by SIGKILL \((?!.*SIGKILL).+\)\nhint: the guest is intact here\n$/,
    );
  });

  it.runIf(onLinux)('the source of a loopback: its destination does not stay behind', async () => {
    const source = start(['migrate', ...SLOW]);
    const destination = await loopbackConnected(source.child);
    source.child.kill('SIGKILL');
    await source.ended;
    await eventually('the destination ends', () => !isAlive(destination));
  });
});

describe('the launcher', () => {
  it('is plain JavaScript', () => {
    const path = new URL('../../scripts/launch.mjs', import.meta.url).pathname;
    expect(spawnSync(process.execPath, ['--check', path]).status).toBe(0);
  });
});

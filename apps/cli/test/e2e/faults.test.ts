import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { allocateGuestRam, migrate } from '@multifd/core';
import { describe, expect, it } from 'vitest';
import { canMount, eventually, isAlive, residentBytes, run, start, startReceive } from '../helpers/cli.js';
import { tempDirectory } from '../helpers/temp.js';
import { endsSoon, loopbackConnected, SLOW } from '../helpers/under-way.js';

const onLinux = process.platform === 'linux';

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

describe('the launcher', () => {
  it('is plain JavaScript', () => {
    const path = new URL('../../scripts/launch.mjs', import.meta.url).pathname;
    expect(spawnSync(process.execPath, ['--check', path]).status).toBe(0);
  });
});

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { receive } from '@multifd/core';
import { afterEach, describe, expect, it } from 'vitest';
import { expectFailure, expectValue, outcomeOf } from '../support/outcome.js';
import { move } from '../support/pair.js';
import { expectSameRam } from '../support/ram.js';

import { trying, watchedGuest } from '../support/watched-guest.js';

describe('listening', () => {
  it('a port in use', async () => {
    const first = await receive({ listen: 'tcp:127.0.0.1:0' });
    const outcome = await outcomeOf(receive({ listen: first.address }), 'receive');
    const error = expectFailure(outcome, 'io', /cannot listen on tcp:127.0.0.1:\d+.*EADDRINUSE/);
    expect(error.hint).toBeDefined();
    // The first one is none the worse for it.
    const { guest } = watchedGuest();
    expectValue(await trying(first.address, guest));
    expectSameRam((await first.result).ram, guest.ram);
  });

  describe.skipIf(process.platform === 'win32')('on a unix socket', () => {
    const folders: string[] = [];
    const folder = (): string => {
      const path = mkdtempSync(join(tmpdir(), 'multifd-listen-'));
      folders.push(path);
      return path;
    };
    afterEach(() => {
      for (const path of folders.splice(0)) rmSync(path, { recursive: true, force: true });
    });

    it('whose owner was killed: it is replaced', async () => {
      const path = join(folder(), 'socket');
      const code = `require('node:net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
      spawnSync(process.execPath, ['-e', code]);
      expect(lstatSync(path).isSocket()).toBe(true);
      await move({ guest: watchedGuest().guest, destination: { listen: `unix:${path}` } });
      expect(readdirSync(dirname(path))).toEqual([]);
    });

    it('that somebody listens on: it stays, and is told', async () => {
      const path = join(folder(), 'socket');
      const first = await receive({ listen: `unix:${path}` });
      const second = await outcomeOf(receive({ listen: `unix:${path}` }), 'receive');
      expectFailure(second, 'io', /cannot listen on unix:.*: a program listens there/);
      expectValue(await trying(first.address, watchedGuest().guest));
      await first.result;
    });

    it.skipIf(process.platform !== 'linux').each(['socket', join('.', 'in', 'socket'), 'PATH'])(
      'that another program listens on, who named it %s: it is not touched, since a QEMU takes any connection for its guest',
      async (name) => {
        const path = join(folder(), 'in', 'socket');
        mkdirSync(dirname(path));
        const link = join(folder(), 'link');
        symlinkSync(dirname(path), link);
        const cwd = name === 'socket' ? dirname(path) : dirname(dirname(path));
        const code = `require('node:net').createServer(() => console.log('somebody came'))
          .listen(${JSON.stringify(name === 'PATH' ? path : name)}, () => console.log('listening'))`;
        const other = spawn(process.execPath, ['-e', code], { cwd, stdio: ['ignore', 'pipe', 'inherit'] });
        let said = '';
        other.stdout.setEncoding('utf8').on('data', (text: string) => {
          said += text;
        });
        try {
          await once(other.stdout, 'data');
          for (const listen of [`unix:${path}`, `unix:${join(link, 'socket')}`]) {
            const outcome = await outcomeOf(receive({ listen }), 'receive');
            expectFailure(outcome, 'io', /cannot listen on unix:.*: a program listens there/);
          }
          // It answers this one, so it would have said that somebody came before.
          const socket = connect({ path });
          await once(socket, 'connect');
          while (!said.includes('somebody')) await setTimeout(10);
          socket.destroy();
          expect(said).toBe('listening\nsomebody came\n');
        } finally {
          other.kill('SIGKILL');
        }
      },
    );

    it('whose owner was killed, and several want it at once: one has it, the others are told', async () => {
      for (let round = 0; round < 5; round++) {
        const path = join(folder(), 'socket');
        const code = `require('node:net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
        spawnSync(process.execPath, ['-e', code]);
        const aborts = [1, 2, 3, 4].map(() => new AbortController());
        const all = await Promise.all(
          aborts.map(({ signal }) => outcomeOf(receive({ listen: `unix:${path}`, signal }), 'receive')),
        );
        const won = all.filter((each) => 'value' in each);
        expect(won).toHaveLength(1);
        for (const each of all.filter((one) => !('value' in one)))
          expectFailure(each, 'io', /cannot listen on unix:.*(a program listens there|EADDRINUSE)/);
        for (const abort of aborts) abort.abort();
        await Promise.all(won.map((each) => expectValue(each).result.catch(() => {})));
        expect(readdirSync(dirname(path))).toEqual([]);
      }
    });

    it('a path where something else is: it stays', async () => {
      const path = join(folder(), 'file');
      writeFileSync(path, 'precious');
      const outcome = await outcomeOf(receive({ listen: `unix:${path}` }), 'receive');
      expectFailure(outcome, 'usage', /something that is no socket is there/);
      expect(readFileSync(path, 'utf8')).toBe('precious');
    });

    it('looks at a crowd of strangers there as well', async () => {
      const path = join(folder(), 'socket');
      const crowd: Socket[] = [];
      await move({
        guest: watchedGuest().guest,
        destination: { listen: `unix:${path}` },
        listening: async () => {
          for (let count = 0; count < 50; count++) {
            const socket = connect({ path });
            socket.on('error', () => {});
            await once(socket, 'connect');
            crowd.push(socket);
          }
          return undefined;
        },
      });
      for (const socket of crowd) socket.destroy();
    });
  });

  it.each([
    ['tcp:::1:4444', 'tcp:[::1]:4444'],
    ['tcp:::1', 'tcp:[::1]:4444'],
    ['tcp::1:4444', 'tcp:[::1]:4444'],
    ['tcp:[::1]', 'tcp:[::1]:4444'],
    ['tcp:fe80::1%eth0:4444', 'tcp:[fe80::1%eth0]:4444'],
    ['tcp:fe80::1:2:4444', 'tcp:[fe80::1:2]:4444'],
    ['tcp:::ffff:127.0.0.1:80', 'tcp:[::ffff:127.0.0.1]:80'],
  ])('%s: an IPv6 address wants brackets', async (listen, right) => {
    const error = expectFailure(await outcomeOf(receive({ listen }), 'receive'), 'usage', /not understood/);
    expect(error.hint).toContain(right);
  });

  it('an address that is not ours', async () => {
    const outcome = await outcomeOf(receive({ listen: 'tcp:192.0.2.1:0' }), 'receive');
    expectFailure(outcome, 'usage', /cannot listen .*EADDRNOTAVAIL/);
  });

  it('the address can be used again at once', async () => {
    const first = await receive({ listen: 'tcp:127.0.0.1:0' });
    expectValue(await trying(first.address, watchedGuest().guest));
    await first.result;
    const second = await receive({ listen: first.address });
    expect(second.address).toBe(first.address);
    expectValue(await trying(second.address, watchedGuest().guest));
    await second.result;
  });

  it('on IPv6, and by name', async () => {
    const { guest } = watchedGuest();
    for (const listen of ['tcp:[::1]:0', 'tcp:localhost:0', 'tcp:0']) {
      await move({ guest, destination: { listen } });
    }
  });
});

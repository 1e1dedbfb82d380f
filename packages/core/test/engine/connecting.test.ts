import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { migrate, receive } from '@multifd/core';
import { testSeed } from '@multifd/testing/random';
import { afterEach, describe, expect, it } from 'vitest';
import { pongs } from '../support/ends.js';
import { PLAIN } from '../support/fixtures.js';
import { expectFailure, expectValue, outcomeOf } from '../support/outcome.js';
import { move } from '../support/pair.js';
import { createGuestRam, expectSameRam, MIB } from '../support/ram.js';

const seed = testSeed();
const servers: Server[] = [];
const sockets: Socket[] = [];

afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const server of servers.splice(0)) server.close();
});

async function serve(onSocket: (socket: Socket) => void): Promise<string> {
  const server = createServer({ pauseOnConnect: true, allowHalfOpen: true }, (socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
    onSocket(socket);
  });
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const bound = server.address();
  return `tcp:127.0.0.1:${bound !== null && typeof bound === 'object' ? bound.port : 0}`;
}

function watchedGuest(length = 4 * MIB) {
  const calls: string[] = [];
  return {
    calls,
    guest: {
      ram: createGuestRam({
        seed,
        live: true,
        blocks: [{ name: 'pc.ram', length }],
        fill: (page) => page.fill(1),
      }),
      stop: () => void calls.push('stop'),
      resume: () => void calls.push('resume'),
    },
  };
}

function trying(to: string, guest: ReturnType<typeof watchedGuest>['guest'], more = {}) {
  const parameters = { setupTimeout: 10_000, stallTimeout: 1000, ...more };
  return outcomeOf(migrate({ guest, to, accelerator: PLAIN, parameters }), 'migrate');
}

describe('a destination that is none', () => {
  it('nobody listens', async () => {
    const { guest } = watchedGuest();
    const error = expectFailure(
      await trying('tcp:127.0.0.1:1', guest),
      'io',
      /main stream: cannot connect to tcp:127.0.0.1:1/,
    );
    expect(error.hint).toContain('multifd receive');
    await move({ guest });
  });

  it('a host that is not there', async () => {
    const { guest } = watchedGuest();
    const outcome = await trying('tcp:no-such-host.invalid:4444', guest);
    // Without a name server nobody can say that there is no such host.
    expectFailure(outcome, ['usage', 'io', 'timeout'], /no-such-host/);
  });

  it('accepts and never answers: even a guest that the kernels on the way could take whole is not stopped', async () => {
    const to = await serve(() => {});
    const { guest, calls } = watchedGuest(MIB);
    const outcome = await trying(to, guest, { setupTimeout: 1000, stallTimeout: 60_000 });
    const error = expectFailure(
      outcome,
      'timeout',
      /main stream: no answer from the destination within 1000 ms/,
    );
    expect(error.hint).toMatch(/multifd-channels/);
    expect(error.guest).toBe('source');
    expect(calls).toEqual([]);
    await move({ guest });
  });

  it('answers, and reads nothing more: all of a large guest cannot leave', async () => {
    const to = await serve((socket) => void socket.write(pongs(2)));
    const { guest, calls } = watchedGuest(96 * MIB);
    expectFailure(await trying(to, guest), 'timeout', /took no byte for 1000 ms/);
    expect(calls).toEqual([]);
    await move({ guest });
  });

  it('takes everything and never answers', async () => {
    const to = await serve((socket) => {
      socket.resume();
      socket.write(pongs(2));
    });
    const { guest, calls } = watchedGuest();
    expectFailure(await trying(to, guest), 'timeout', /no word of completion/);
    expect(calls).toEqual(['stop', 'resume']);
    await move({ guest });
  });

  it('closes every connection at once', async () => {
    const to = await serve((socket) => socket.destroy());
    const { guest, calls } = watchedGuest();
    expectFailure(await trying(to, guest), ['peer-closed', 'io']);
    expect(calls.length % 2).toBe(0);
    await move({ guest });
  });

  it('answers like a web server', async () => {
    const to = await serve((socket) => {
      socket.resume();
      socket.end('HTTP/1.1 400 Bad Request\r\n\r\n');
    });
    const { guest } = watchedGuest();
    expectFailure(await trying(to, guest), ['protocol', 'peer-closed']);
    await move({ guest });
  });

  const strangers = [
    [
      'a TLS server, with an alert',
      '15030100020228',
      'incompatible',
      /destination speaks TLS/,
      /set tls-creds on both ends, or on neither/,
    ],
    [
      'a TLS server that speaks first',
      '160303004a020000',
      'incompatible',
      /destination speaks TLS/,
      /set tls-creds on both ends, or on neither/,
    ],
    [
      'an SSH server',
      Buffer.from('SSH-2.0-OpenSSH_9.2\r\n').toString('hex'),
      'protocol',
      /no destination, it says "SSH-2.0-OpenSSH_9.2"/,
      /address and port/,
    ],
  ] as const;
  it.each(strangers)('is %s: named', async (_what, hex, code, says, hint) => {
    let connections = 0;
    const to = await serve((socket) => {
      socket.resume();
      // Main comes first; what channels hear does not matter here.
      if (connections++ === 0) socket.end(Buffer.from(hex, 'hex'));
    });
    const { guest } = watchedGuest();
    const error = expectFailure(await trying(to, guest), code, says);
    expect(error.hint).toMatch(hint);
    expect(error.guest).toBe('source');
    await move({ guest });
  });

  const words = [
    ['a refusal', '0001000400000001', 'peer-closed', /SHUT 1/],
    ['a message of an unknown type', '00990000', 'protocol', /return path/],
    ['a postcopy request', '00040000', 'incompatible', /REQ_PAGES/],
    ['a SHUT that is too long', '0001000800000000', 'protocol', /length/],
  ] as const;
  it.each(words)('says %s on the return path', async (_what, hex, code, says) => {
    const to = await serve((socket) => {
      socket.resume();
      socket.write(Buffer.from(hex, 'hex'));
    });
    const { guest, calls } = watchedGuest();
    const error = expectFailure(await trying(to, guest), code, says);
    if (code === 'protocol') expect(error.hint).toMatch(/look at the address and port/);
    expect(calls.filter((call) => call === 'resume')).toHaveLength(
      calls.filter((call) => call === 'stop').length,
    );
    await move({ guest });
  });

  it('without a return path, what the kernel took counts', async () => {
    const to = await serve((socket) => {
      socket.resume();
      socket.on('end', () => socket.end());
    });
    const { guest, calls } = watchedGuest();
    expectValue(await trying(to, guest, { returnPath: false }));
    expect(calls).toEqual(['stop']);
  });
});

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

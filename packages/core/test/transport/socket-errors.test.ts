import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import { parseAddress } from '../../src/transport/address.js';
import { openConnection } from '../../src/transport/connect.js';
import { Listener } from '../../src/transport/listener.js';
import { connectError, listenError } from '../../src/transport/socket-errors.js';
import { expectFailure, outcomeOf } from '../support/outcome.js';

const folder = mkdtempSync(join(tmpdir(), 'multifd-sockets-'));
afterAll(() => rmSync(folder, { recursive: true }));
writeFileSync(join(folder, 'file'), 'precious');
symlinkSync('circle', join(folder, 'circle'));

async function listening(address: string) {
  const opened = Listener.open(parseAddress(address), () => {}).then((listener) => listener.close());
  return outcomeOf(opened, 'listen');
}
const connecting = (address: string) =>
  outcomeOf(
    openConnection(
      { address: parseAddress(address), tls: undefined },
      'main stream',
      20_000,
      new AbortController().signal,
    ),
    'connect',
  );

describe('a path that cannot be right is a mistake of usage, and says what is wrong', () => {
  it.each([
    [
      'a directory that is not there',
      'none/x',
      /there is no directory .*none$/,
      /there is no directory .*none$/,
    ],
    ['a file on the way', 'file/x', /\(ENOTDIR\)/, /\(ENOTDIR\)/],
    ['a circle of links', 'circle/x', /\(ELOOP\)/, /\(ELOOP\)/],
    ['a file', 'file', /something that is no socket is there/, /what is there is no socket/],
  ])('%s', async (_what, path, listens, connects) => {
    const address = `unix:${join(folder, path)}`;
    expect(expectFailure(await listening(address), 'usage', listens).hint).toBeDefined();
    expect(expectFailure(await connecting(address), 'usage', connects).hint).toBeDefined();
  });
});

it('nobody who listens is no mistake of usage', async () => {
  for (const address of [`unix:${join(folder, 'nobody')}`, 'tcp:127.0.0.1:1', 'tcp:localhost:1']) {
    const error = expectFailure(await connecting(address), 'io', /\((ENOENT|ECONNREFUSED)\)$/);
    expect(error.hint).toMatch(/start it with: multifd receive/);
  }
});

describe('what the system says becomes', () => {
  const said = (code: string, errno: number): Error => Object.assign(new Error('text'), { code, errno });
  const tcp = parseAddress('tcp:127.0.0.1:99');
  const unix = parseAddress('unix:/x');

  it.each([
    ['EADDRINUSE', -98, 'io', /end the program that listens there/],
    ['EADDRNOTAVAIL', -99, 'usage', /does not have that address/],
    ['EACCES', -13, 'usage', /port.*CAP_NET_BIND_SERVICE/],
    ['ENOTFOUND', -3008, 'usage', /name/],
    ['EAI_AGAIN', -3001, 'io', /numbers/],
    ['EMFILE', -24, 'io', /ulimit -n/],
  ] as const)('listening on TCP, %s', (code, errno, kind, hint) => {
    expect(listenError(tcp, said(code, errno))).toMatchObject({
      code: kind,
      hint: expect.stringMatching(hint),
    });
  });

  it.each([
    ['EACCES', -13, 'usage', /may not make a socket there/],
    ['EPERM', -1, 'usage', /may not make a socket there/],
    ['EROFS', -30, 'usage', /another place/],
    ['ENAMETOOLONG', -36, 'usage', /shorter/],
    ['EINVAL', -22, 'usage', /shorter/],
  ] as const)('listening on a unix socket, %s', (code, errno, kind, hint) => {
    const error = listenError(unix, said(code, errno));
    expect(error).toMatchObject({ code: kind, hint: expect.stringMatching(hint) });
    expect(error.hint).not.toMatch(/listens there/);
    expect(error.message).toMatch(new RegExp(`^cannot listen on unix:/x: [a-z ,-]+ \\(${code}\\)$`));
  });

  it.each([
    ['tcp', 'EHOSTUNREACH', -113, 'io', /network/],
    ['tcp', 'ETIMEDOUT', -110, 'io', /firewall/],
    ['tcp', 'EPERM', -1, 'usage', /firewall/],
    ['unix', 'EACCES', -13, 'usage', /may write to the socket/],
    ['unix', 'EPROTOTYPE', -91, 'usage', /another kind/],
  ] as const)('connecting to %s, %s', (family, code, errno, kind, hint) => {
    const error = connectError(family === 'tcp' ? tcp : unix, said(code, errno), 'channel 3');
    expect(error).toMatchObject({ code: kind, hint: expect.stringMatching(hint) });
    expect(error.message).toMatch(/^channel 3: cannot connect to /);
  });
});

describe.skipIf(process.platform !== 'linux')('a listener on a unix socket whose backlog is full', () => {
  /** A process that listens and, as it is stopped, accepts nothing; the backlog is full. */
  async function full(name: string) {
    const path = join(folder, name);
    const script = `require('node:net').createServer((s) => s.on('error', () => {})).listen({ path: ${JSON.stringify(path)}, backlog: 1 }, () => console.log('on'))`;
    const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    onTestFinished(() => void child.kill('SIGKILL'));
    await once(child.stdout, 'data');
    child.kill('SIGSTOP');
    const sockets: Socket[] = [];
    onTestFinished(() => sockets.forEach((socket) => void socket.destroy()));
    for (let error: unknown; error === undefined; ) {
      const socket = connect({ path });
      sockets.push(socket);
      error = await once(socket, 'connect').then(
        () => undefined,
        (cause: unknown) => cause,
      );
      if (error !== undefined) expect(error).toMatchObject({ code: 'EAGAIN' });
    }
    return { child, address: parseAddress(`unix:${path}`) };
  }

  it('is waited for, as over TCP', async () => {
    const { child, address } = await full('full');
    const opened = openConnection(
      { address, tls: undefined },
      'channel 7',
      60_000,
      new AbortController().signal,
    );
    setTimeout(() => child.kill('SIGCONT'), 300);
    (await opened).socket.destroy();
  });

  it('but not for ever', async () => {
    const { address } = await full('stopped');
    const opened = openConnection(
      { address, tls: undefined },
      'channel 7',
      500,
      new AbortController().signal,
    );
    const error = expectFailure(await outcomeOf(opened, 'connect'), 'io', /^channel 7: .*\(EAGAIN\)$/);
    expect(error.hint).toMatch(/hangs, or is very busy/);
  });

  it('and a cancellation ends it', async () => {
    const { address } = await full('cancelled');
    const cancel = new AbortController();
    const opened = outcomeOf(
      openConnection({ address, tls: undefined }, 'channel 7', 60_000, cancel.signal),
      'connect',
    );
    setTimeout(() => cancel.abort(), 100);
    expectFailure(await opened, 'cancelled');
  });
});

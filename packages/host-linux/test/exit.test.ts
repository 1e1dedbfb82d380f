import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { allocateGuestRam, migrate } from '@multifd/core';
import { encodePong, pingOfChannels } from '@multifd/core/wire';
import { afterEach, describe, expect, it } from 'vitest';

const FIXTURE = fileURLToPath(new URL('./fixtures/exits.mjs', import.meta.url));

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

function start(...args: readonly string[]): ChildProcess {
  const child = spawn(process.execPath, [FIXTURE, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  return child;
}

/** The exit code, or that there was none for a long time. */
async function exitCode(child: ChildProcess): Promise<unknown> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise((resolve) => {
    timer = setTimeout(() => resolve('it does not end'), 45_000);
  });
  try {
    return await Promise.race([once(child, 'exit').then(([code]) => code), late]);
  } finally {
    clearTimeout(timer);
  }
}

describe('process.exit, while channels wait in blocking calls', () => {
  it('of a source whose destination takes nothing', async () => {
    const taken: Socket[] = [];
    const server = createServer({ pauseOnConnect: true }, (socket) => {
      socket.on('error', () => {});
      // Main comes first. Without this answer the source sends no page (docs/wire.md, 14).
      if (taken.length === 0) socket.write(encodePong(pingOfChannels(2)));
      taken.push(socket);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    expect(await exitCode(start('source', `tcp:127.0.0.1:${address.port}`))).toBe(7);
    for (const socket of taken) socket.destroy();
    server.close();
  });

  it('of a destination whose source sends nothing', async () => {
    const child = start('destination');
    const [line] = child.stdout === null ? [] : await once(child.stdout, 'data');
    const { blocks } = allocateGuestRam([{ name: 'pc.ram', length: 64 * 2 ** 20 }], 4096);
    const sent = migrate({
      guest: { ram: { pageSize: 4096, blocks } },
      to: String(line).trim(),
      // A packet in two minutes.
      parameters: { multifdChannels: 2, zeroPageDetection: 'none', maxBandwidth: 4096 },
    });
    const [code, source] = await Promise.all([
      exitCode(child).finally(() => child.kill('SIGKILL')),
      sent.catch((error: unknown) => error),
    ]);
    expect(code).toBe(7);
    expect(source).toMatchObject({ code: 'peer-closed', guest: 'source' });
  });
});

import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { allocateGuestRam, migrate, type ReceiveOptions, receive } from '@multifd/core';
import { afterEach, describe, expect, it } from 'vitest';
import { type Running, start, startReceive } from '../helpers/cli.js';

const toClose: { close(): void }[] = [];
afterEach(() => {
  for (const each of toClose.splice(0)) each.close();
});

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** `migrate` to a destination of this process, which can act on it at a certain point. */
async function migrateTo(
  destination: (source: () => Running) => Partial<ReceiveOptions>,
  args: readonly string[] = [],
) {
  const started: Running[] = [];
  const source = (): Running => {
    const [first] = started;
    if (first === undefined) throw new Error('not started');
    return first;
  };
  const incoming = await receive({ listen: 'tcp:127.0.0.1:0', ...destination(source) });
  toClose.push(incoming);
  started.push(start(['migrate', 'demo:16M', incoming.address, '--json', ...args]));
  return { ended: await source().ended, incoming };
}

/** A way to `address` that carries bytes both ways, and no end. @returns its own address. */
async function neverClosing(address: string): Promise<string> {
  const port = Number(address.split(':').at(-1));
  const server = createServer({ allowHalfOpen: true }, (near) => {
    const far = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
    near.on('data', (bytes) => far.write(bytes)).on('error', () => {});
    far.on('data', (bytes) => near.write(bytes)).on('error', () => {});
    toClose.push({ close: () => [near, far].forEach((socket) => void socket.destroy()) });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  toClose.push(server);
  const bound = server.address();
  return `tcp:127.0.0.1:${bound !== null && typeof bound === 'object' ? bound.port : 0}`;
}

/** Sends `child` a signal some ms after its document is whole: the process is about to end then. */
function interruptBehindDocument({ child }: Running, ms: number): void {
  let text = '';
  child.stdout?.on('data', (more: string) => {
    text += more;
    if (text.endsWith('}\n')) setTimeout(() => child.kill('SIGINT'), ms);
  });
}

describe('interrupted when the guest has left', () => {
  // Before, Node had put its signals back to their defaults by then: about one in three ended with 130.
  it('behind the document: 0 on both ends, whenever the signal comes', async () => {
    for (let ms = 0; ms < 24; ms += 2) {
      const destination = await startReceive(['--json']);
      const source = start(['migrate', 'demo:1M', destination.address, '--json']);
      interruptBehindDocument(ms % 4 === 0 ? source : destination, ms);
      for (const { code, signal, stdout } of [await source.ended, await destination.ended]) {
        expect({ code, signal }, `${ms} ms`).toEqual({ code: 0, signal: null });
        expect(JSON.parse(stdout)).toMatchObject({ status: 'completed', 'guest-at': 'destination' });
      }
    }
  });

  it('while memory is verified: exit 5, completed, and not 130', async () => {
    const { ended, incoming } = await migrateTo((source) => ({
      async report() {
        source().child.kill('SIGINT');
        await source().ended;
        return new Uint8Array(0);
      },
    }));
    expect(ended.code).toBe(5);
    expect(JSON.parse(ended.stdout)).toMatchObject({
      status: 'completed',
      verified: null,
      'guest-at': 'destination',
      'error-class': 'cancelled',
    });
    expect(ended.stderr).toMatch(/not verified.*\nhint: .*the guest has left its source/);
    expect(await incoming.result).toMatchObject({ status: 'completed' });
  });

  it('too late, while the destination makes the guest last: exit 5 if it was to be verified', async () => {
    const { ended } = await migrateTo((source) => ({
      async commit() {
        source().child.kill('SIGTERM');
        await pause(300);
      },
    }));
    expect(ended.code).toBe(5);
    expect(JSON.parse(ended.stdout)).toMatchObject({ status: 'completed', 'guest-at': 'destination' });
  });

  it('the same without verification: exit 0', async () => {
    const { ended } = await migrateTo(
      (source) => ({
        async commit() {
          source().child.kill('SIGTERM');
          await pause(300);
        },
      }),
      ['--no-verify'],
    );
    expect(ended.code).toBe(0);
    expect(JSON.parse(ended.stdout)).toMatchObject({ status: 'completed', 'guest-at': 'destination' });
  });

  it('a second signal while the destination may have it does not say that the guest is here', async () => {
    const { ended } = await migrateTo((source) => ({
      async commit() {
        source().child.kill('SIGINT');
        await source().says(/interrupted: the destination's word is waited for.*a second signal ends/);
        await pause(400);
        source().child.kill('SIGINT');
        await source().ended;
      },
    }));
    expect(ended).toMatchObject({ code: 1, signal: null });
    expect(JSON.parse(ended.stdout)).toMatchObject({ status: 'cancelled', 'guest-at': 'either' });
    expect(ended.stderr).toMatch(/interrupted again: ended at once\nhint: both may have the guest/);
  });

  it('a destination whose source does not close, twice: exit 5 at once', async () => {
    const destination = await startReceive(['--json']);
    const line = await neverClosing(destination.address);
    const { blocks } = allocateGuestRam([{ name: 'pc.ram', length: 2 ** 20 }], 4096);
    const result = await migrate({
      guest: { ram: { pageSize: 4096, blocks } },
      to: line,
      parameters: { zeroPageDetection: 'none' },
    });
    expect(result.status).toBe('completed');
    destination.child.kill('SIGINT');
    await destination.says(/interrupted: .*has not closed its main stream.*a second signal ends/);
    await pause(400);
    destination.child.kill('SIGINT');
    const ended = await destination.ended;
    expect(ended).toMatchObject({ code: 5, signal: null });
    expect(JSON.parse(ended.stdout)).toMatchObject({ status: 'completed', 'guest-at': 'either' });
    expect(ended.stderr).toMatch(/interrupted again: ended at once\nhint: both may have the guest.*x-colo/);
  });

  it('a relay whose source does not close, twice: exit 5 at once', async () => {
    const incoming = await receive({ listen: 'tcp:127.0.0.1:0' });
    toClose.push(incoming);
    const relay = start(['relay', 'tcp:127.0.0.1:0', incoming.address, '--json']);
    const line = await neverClosing(await relay.says(/listening on (tcp:\S+)/));
    const { blocks } = allocateGuestRam([{ name: 'pc.ram', length: 2 ** 20 }], 4096);
    await migrate({
      guest: { ram: { pageSize: 4096, blocks } },
      to: line,
      parameters: { zeroPageDetection: 'none' },
    });
    relay.child.kill('SIGINT');
    await relay.says(/interrupted: .*has not closed its main stream.*a second signal ends/);
    await pause(400);
    relay.child.kill('SIGINT');
    const ended = await relay.ended;
    expect(ended).toMatchObject({ code: 5, signal: null });
    expect(JSON.parse(ended.stdout)).toMatchObject({ status: 'completed', 'guest-at': 'either' });
    expect(ended.stderr).toMatch(/interrupted again: ended at once\nhint: both may have the guest.*x-colo/);
  });

  it('a destination: exit 0, and the guest stays', async () => {
    const destination = await startReceive(['--json']);
    const length = 64 * 2 ** 20;
    const { blocks } = allocateGuestRam([{ name: 'pc.ram', length }], 4096);
    const result = await migrate({
      guest: { ram: { pageSize: 4096, blocks } },
      to: destination.address,
      parameters: { zeroPageDetection: 'none' },
      requestReport: true,
      onEvent: (event) => {
        if (event.type === 'status' && event.status === 'completed') destination.child.kill('SIGINT');
      },
    });
    expect(result.status).toBe('completed');
    const { code, stdout } = await destination.ended;
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ status: 'completed', 'guest-at': 'destination' });
  });
});

describe('interrupted before', () => {
  it('the guest is at its source, says the document', async () => {
    const source = start(['migrate', 'demo:64M', '--max-bandwidth', '1M', '--json']);
    await pause(2500);
    source.child.kill('SIGINT');
    const { code, stdout } = await source.ended;
    expect(code).toBe(130);
    expect(JSON.parse(stdout)).toMatchObject({ status: 'cancelled', 'guest-at': 'source' });
  });
});

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { raw } from '../support/raw-source.js';
import { BLOCK, completes, listen, main, sendGuest } from '../support/small-guest.js';

function changed(bytes: Uint8Array, at: number, value: number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy[at] = value;
  return copy;
}

const otherUuid = new Uint8Array(16).fill(8);

describe('whatever a stranger sends, the wait goes on and the right source gets in', () => {
  const dropped = [
    ['QEVM and the end', [Buffer.from('QEVM')], /closed after 4 bytes/],
    ['QEVM and garbage', [Buffer.from('QEVM'), new Uint8Array(2000).fill(0x99)], /version at byte 4/],
    ['a configuration and garbage', [raw.header(), new Uint8Array(2000).fill(0x99)], /./],
    ['a part of RAM before its START', [raw.header(), raw.part('part')], /./],
    [
      'another machine type',
      [raw.header('other'), raw.start([BLOCK])],
      /machine type: expected none, got other/,
    ],
    ['a version that is none', [changed(raw.init(0), 7, 9)], /init packet version/],
    ['another uuid', [raw.init(0, otherUuid)], /init packet uuid/],
    ['an init packet and garbage', [raw.init(0), new Uint8Array(2000).fill(0x22)], /packet 0: magic/],
    ['an HTTP request', [Buffer.from('POST /x HTTP/1.1\r\n\r\n')], /an HTTP request: "POST \/x HTTP\/1.1"/],
    ['the greeting of SSH', [Buffer.from('SSH-2.0-OpenSSH_9.2\r\n')], /plain text: "SSH-2.0-OpenSSH_9.2"/],
    ['a ClientHello', [Buffer.from('1603010200010001fc0303', 'hex')], /it speaks TLS.*tls-creds/],
  ] as const;
  it.each(dropped)('%s', async (_what, bytes, reason) => {
    const { incoming, source, refused } = await listen(2, { machineType: 'none' });
    const stranger = await source.open(...bytes);
    if (bytes.length === 1 && bytes[0]?.length === 4) stranger.end();
    await refused(reason);
    await sendGuest(source);
    await completes(incoming);
  });

  const kept = [
    ['QEVM', [Buffer.from('QEVM')]],
    ['half an init packet', [raw.init(0).subarray(0, 40)]],
    ['a right init packet', [raw.init(1)]],
    ['a right configuration', [raw.header(), raw.returnPath()]],
    ['channel 2 of 2', [raw.init(2)]],
    ['channel 254 of 2', [raw.init(254)]],
  ] as const;
  it.each(kept)('%s and then silence', async (_what, bytes) => {
    const { incoming, source } = await listen();
    for (let count = 0; count < 3; count++) await source.open(...bytes);
    await sendGuest(source);
    for (let count = 0; count < 3; count++) await source.open(...bytes);
    await completes(incoming);
  });

  it('channels without a main stream: they are dropped in time, and nothing ends', async () => {
    const { incoming, source, refused } = await listen(2, { parameters: { setupTimeout: 1000 } });
    await source.open(raw.init(0));
    await source.open(raw.init(1), raw.sync());
    await refused(/channel 0: it said no more/);
    await refused(/channel 1: no main stream came/);
    await sendGuest(source);
    await completes(incoming);
  });

  it.each(['closed', 'reset'] as const)(
    'a source whose main is %s before its channels are there',
    async (how) => {
      const { incoming, source, refused } = await listen(2, { parameters: { setupTimeout: 3_000 } });
      const stream = await source.open(main.start);
      await new Promise((resolve) => setTimeout(resolve, 500));
      if (how === 'closed') stream.end();
      else stream.resetAndDestroy();
      await refused(/main stream|broke/);
      // The time for its setup has gone with it.
      await new Promise((resolve) => setTimeout(resolve, 3_500));
      await sendGuest(source);
      await completes(incoming);
    },
  );

  it('what is left of a source that was refused is not reported again', async () => {
    const { incoming, source, refused, refusals } = await listen(2, { machineType: 'none' });
    const rest = [await source.open(), await source.open(raw.init(1))];
    await source.open(raw.header('other'), raw.start([BLOCK]));
    await refused(/machine type: expected none, got other/);
    for (const socket of rest) socket.end();
    // Both are looked at before a stranger that comes later.
    await Promise.all(rest.map((socket) => once(socket, 'close')));
    await source.open(Buffer.from('GET / HTTP/1.1\r\n\r\n'));
    await refused(/HTTP/);
    expect(refusals()).toHaveLength(2);
    await sendGuest(source);
    await completes(incoming);
  });
});

describe('a crowd', () => {
  it('1000 silent connections do not keep the source out', async () => {
    const { incoming, source, refusals } = await listen();
    const crowd = await crowdOf(incoming.address, 1000);
    await sendGuest(source);
    await completes(incoming);
    for (const socket of crowd) socket.destroy();
    expect(refusals().length).toBeLessThanOrEqual(1000);
  });

  it('3000 are more than are kept: those that are silent longest go', async () => {
    const { incoming, source, refused } = await listen();
    const crowd: Socket[] = [];
    for (let wave = 0; wave < 3; wave++) crowd.push(...(await crowdOf(incoming.address, 1000)));
    await refused(/silent while others wait/);
    await sendGuest(source);
    await completes(incoming);
    for (const socket of crowd) socket.destroy();
  });
});

async function crowdOf(address: string, count: number): Promise<Socket[]> {
  const port = Number(address.split(':').at(-1));
  return Promise.all(
    Array.from({ length: count }, async () => {
      const socket = connect({ host: '127.0.0.1', port });
      socket.on('error', () => {});
      await once(socket, 'connect');
      return socket;
    }),
  );
}

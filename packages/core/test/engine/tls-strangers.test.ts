import { once } from 'node:events';
import { connect } from 'node:net';
import { migrate } from '@multifd/core';
import { describe, expect, it } from 'vitest';
import { destination } from '../support/ends.js';
import { PLAIN } from '../support/fixtures.js';
import { host } from '../support/host.js';
import { expectFailure, expectValue, outcomeOf } from '../support/outcome.js';
import { tryToMove } from '../support/pair.js';
import { createGuestRam, expectSameRam } from '../support/ram.js';
import { raw } from '../support/raw-source.js';
import { RawTlsSource, usualTls } from '../support/tls.js';

/** The beginning of a ClientHello that says how long it is, and never comes to its end. */
const HALF_A_HELLO = Buffer.from('1603010200010001fc0303', 'hex');

async function listening(setupTimeout = 30_000) {
  const { client, server } = await usualTls();
  const there = await destination({ tls: server, parameters: { setupTimeout } });
  const port = Number(/:(\d+)$/.exec(there.incoming.address)?.[1]);
  return {
    ...there,
    client,
    /** A connection without TLS. */
    plain: async (bytes: Uint8Array) => {
      const socket = connect({ port, host: '127.0.0.1' });
      socket.on('error', () => {});
      await once(socket, 'connect');
      if (bytes.length > 0) socket.write(bytes);
      return socket;
    },
    /** The right source: it gets in whatever came before. */
    gets: async () => {
      const ram = createGuestRam({ seed: 5 });
      const sent = migrate({
        to: there.incoming.address,
        guest: { ram },
        accelerator: PLAIN,
        ...host,
        tls: client,
      });
      const received = expectValue(await outcomeOf(there.incoming.result, 'receive'));
      expectValue(await outcomeOf(sent, 'migrate'));
      expectSameRam(received.ram, ram);
    },
  };
}

describe('a destination with TLS: a stranger is refused, and the right source gets in', () => {
  const dropped = [
    ['a source without TLS', raw.header(), /^it does not use TLS, and this end was told to \(set tls-creds/],
    ['a channel without TLS', raw.init(0), /^it does not use TLS/],
    ['an HTTP request', Buffer.from('GET / HTTP/1.1\r\n\r\n'), /an HTTP request: "GET \/ HTTP\/1\.1"/],
    ['garbage', new Uint8Array(100).fill(0x99), /^not a migration stream$/],
    ['a TLS record that is none', Buffer.from('16ffff0000', 'hex'), /TLS handshake|does not speak TLS/],
  ] as const;
  it.each(dropped)('%s', async (_what, bytes, reason) => {
    const { plain, refused, gets } = await listening();
    const socket = await plain(bytes);
    await refused(reason);
    await gets();
    socket.destroy();
  });

  it('one that begins a handshake and says no more', async () => {
    const { plain, refused, gets } = await listening(8000);
    const socket = await plain(HALF_A_HELLO);
    await refused(/^no TLS handshake within 4000 ms$/);
    await gets();
    socket.destroy();
  });

  it('one that says nothing', async () => {
    const { plain, refused, gets } = await listening(6000);
    const socket = await plain(new Uint8Array(0));
    await refused(/silent/);
    await gets();
    socket.destroy();
  });

  it('fifty of them at once, while the source connects', async () => {
    const { plain, gets } = await listening();
    const many = await Promise.all(
      Array.from({ length: 50 }, (_, index) => plain(index % 2 === 0 ? HALF_A_HELLO : new Uint8Array(0))),
    );
    await gets();
    for (const socket of many) socket.destroy();
  });

  it('one that is let in by TLS, and is no source', async () => {
    const { incoming, client, refused, gets } = await listening();
    const socket = await new RawTlsSource(incoming.address, client).open(
      Buffer.from('GET / HTTP/1.1\r\n\r\n'),
    );
    await refused(/an HTTP request/);
    await gets();
    socket.destroy();
  });
});

describe('TLS on one end only: one line on each', () => {
  it('the source has none', async () => {
    const { server } = await usualTls();
    const refusals: string[] = [];
    const outcome = await tryToMove({
      guest: { ram: createGuestRam({ seed: 1 }) },
      destination: {
        tls: server,
        onEvent: (event) => void (event.type === 'refused' && refusals.push(event.reason)),
      },
      waitsOn: true,
    });
    const error = expectFailure(outcome.sent, ['incompatible', 'peer-closed']);
    expect(error.guest).toBe('source');
    expect(error.hint).toMatch(/tls-creds/);
    expect(refusals[0]).toMatch(/^it does not use TLS/);
  });

  it('the destination has none', async () => {
    const { client } = await usualTls();
    const refusals: string[] = [];
    const outcome = await tryToMove({
      guest: { ram: createGuestRam({ seed: 1 }) },
      source: { tls: client },
      destination: { onEvent: (event) => void (event.type === 'refused' && refusals.push(event.reason)) },
      waitsOn: true,
    });
    const error = expectFailure(outcome.sent, 'tls', /^main stream: /);
    expect(error.guest).toBe('source');
    expect(error.hint).toMatch(/TLS|tls-creds/);
    expect(refusals).toEqual([expect.stringMatching(/^it speaks TLS, which this end was not told to/)]);
  });
});

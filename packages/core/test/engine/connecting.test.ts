import type { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { pongs, relayTo, serve } from '../support/ends.js';
import { expectFailure, expectValue } from '../support/outcome.js';
import { move } from '../support/pair.js';
import { MIB } from '../support/ram.js';

import { trying, watchedGuest } from '../support/watched-guest.js';

/** A destination that reads nothing until it is told to, and stays when the source has ended. */
const stub = (onSocket: (socket: Socket) => void): Promise<string> =>
  serve(onSocket, { pauseOnConnect: true, allowHalfOpen: true });

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
    const to = await stub(() => {});
    const { guest, calls } = watchedGuest(MIB);
    const outcome = await trying(to, guest, { setupTimeout: 5000, stallTimeout: 60_000 });
    const error = expectFailure(
      outcome,
      'timeout',
      /main stream: no answer from the destination within 5000 ms/,
    );
    expect(error.hint).toMatch(/multifd-channels/);
    expect(error.guest).toBe('source');
    expect(calls).toEqual([]);
    await move({ guest });
  });

  it('answers, and reads nothing more: all of a large guest cannot leave', async () => {
    const to = await stub((socket) => void socket.write(pongs(2)));
    const { guest, calls } = watchedGuest(96 * MIB);
    expectFailure(await trying(to, guest), 'timeout', /took no byte for 1000 ms/);
    expect(calls).toEqual([]);
    await move({ guest });
  });

  it('the same behind a relay, which gives up before its source does, so that the source hears why', async () => {
    const to = await stub((socket) => void socket.write(pongs(2)));
    const parameters = { multifdChannels: 2, stallTimeout: 1000 };
    const relaying = await relayTo(to, parameters);
    const { guest, calls } = watchedGuest(192 * MIB);
    const outcome = await trying(relaying.address, guest, { stallTimeout: 60_000 });
    expectFailure(outcome, 'peer-closed', /the destination says: .*took no byte for 900 ms/);
    expect(calls).toEqual([]);
    await relaying.result.catch(() => {});
  });

  it('takes everything and never answers', async () => {
    const to = await stub((socket) => {
      socket.resume();
      socket.write(pongs(2));
    });
    const { guest, calls } = watchedGuest();
    expectFailure(await trying(to, guest), 'timeout', /no word of completion/);
    expect(calls).toEqual(['stop', 'resume']);
    await move({ guest });
  });

  it('closes every connection at once', async () => {
    const to = await stub((socket) => socket.destroy());
    const { guest, calls } = watchedGuest();
    expectFailure(await trying(to, guest), ['peer-closed', 'io']);
    expect(calls.length % 2).toBe(0);
    await move({ guest });
  });

  it('answers like a web server', async () => {
    const to = await stub((socket) => {
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
    const to = await stub((socket) => {
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
    const to = await stub((socket) => {
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
    const to = await stub((socket) => {
      socket.resume();
      socket.on('end', () => socket.end());
    });
    const { guest, calls } = watchedGuest();
    expectValue(await trying(to, guest, { returnPath: false }));
    expect(calls).toEqual(['stop']);
  });
});

import { loadTlsCredentials, parseAuthzRule, type ServerTls } from '@multifd/core';
import { credentialsFolder, type IssueOptions, TestAuthority } from '@multifd/testing/certificates';
import { beforeAll, describe, expect, it } from 'vitest';
import { channelsTls } from '../support/host.js';
import { expectFailure } from '../support/outcome.js';
import { move, tryToMove } from '../support/pair.js';
import { createGuestRam } from '../support/ram.js';
import { testFolder } from '../support/tls.js';

let authority: TestAuthority;
let other: TestAuthority;
beforeAll(async () => {
  [authority, other] = await Promise.all([TestAuthority.make(), TestAuthority.make('CN=another one')]);
});

const HERE: IssueOptions = { hosts: ['localhost'], addresses: ['127.0.0.1'] };

interface Ends {
  /** Of the server's certificate. */
  readonly server?: IssueOptions;
  readonly client?: IssueOptions | 'none';
  /** Who has issued them. Default: who both ends trust. */
  readonly serverBy?: 'another';
  readonly clientBy?: 'another';
  /** Revoked on the other end. */
  readonly revoked?: 'server' | 'client';
  /** An end has the certificate that is made for the other one. */
  readonly swapped?: 'server' | 'client';
}

/** Folders of both ends, each as that end's user would load it: past dates are of interest to the other end only. */
async function ends(given: Ends) {
  const { server = HERE, client = {}, serverBy, clientBy, revoked, swapped } = given;
  const by = (who: 'another' | undefined): TestAuthority => (who === undefined ? authority : other);
  const ofServer = await by(serverBy).issue(swapped === 'server' ? 'client' : 'server', server);
  const ofClient =
    client === 'none'
      ? undefined
      : await by(clientBy).issue(swapped === 'client' ? 'server' : 'client', client);
  const crl =
    revoked === undefined
      ? undefined
      : await authority.crl([(revoked === 'server' ? ofServer : ofClient)?.cert ?? '']);
  const x509 = (endpoint: 'client' | 'server', own: { cert: string; key: string } | undefined) =>
    ({
      kind: 'x509',
      endpoint,
      verifyPeer: true,
      ca: authority.cert,
      ...(own === undefined ? {} : { own }),
      ...(crl === undefined ? {} : { crl }),
    }) as const;
  return {
    source: { tls: { credentials: x509('client', ofClient) } },
    destination: { tls: { credentials: x509('server', ofServer) } },
  };
}

/** Of main; its channels may be on their way, and be given up by a source that has heard of main. */
function expectSaid(reasons: readonly string[], says: RegExp): void {
  expect(reasons.filter((reason) => says.test(reason))).not.toEqual([]);
  const others = reasons.filter((reason) => !says.test(reason));
  for (const reason of others) expect(reason).toMatch(/closed|broke/);
}

const past = { from: -10, to: -1 };
const future = { from: 1, to: 10 };

describe('a destination that has not proven who it is: the source fails, and keeps its guest', () => {
  const faults: readonly (readonly [string, Ends, RegExp])[] = [
    ['expired', { server: { ...HERE, ...past } }, /certificate \(CN=server\.example\) has expired$/],
    ['not yet valid', { server: { ...HERE, ...future } }, /is not valid yet$/],
    ['for another host', { server: { hosts: ['other.example'] } }, /is not for the host 127\.0\.0\.1$/],
    ['for no host', { server: {} }, /is not for the host 127\.0\.0\.1$/],
    ['of another authority', { serverBy: 'another' }, /is of an authority that is not trusted here$/],
    ['revoked', { revoked: 'server' }, /is revoked$/],
    ['made for a client', { swapped: 'server' }, /is not made for this end$/],
  ];
  it.each(faults)('its certificate is %s', async (_what, given, says) => {
    const pair = await ends(given);
    const outcome = await tryToMove({ guest: { ram: createGuestRam({ seed: 1 }) }, ...pair, waitsOn: true });
    const error = expectFailure(outcome.sent, 'tls', says);
    expect(error.message).toMatch(/^main stream: the destination's certificate \(/);
    expect(error.guest).toBe('source');
    expectFailure(outcome.received, 'cancelled');
  });

  it('the host is named by tls-hostname', async () => {
    const { source, destination } = await ends({ server: { hosts: ['other.example'] } });
    const named = { tls: { ...source.tls, hostname: 'other.example' } };
    await move({ guest: { ram: createGuestRam({ seed: 1 }) }, source: named, destination });
  });

  it('a client that verifies nobody says that it has not', async () => {
    const { source, destination } = await ends({ server: past });
    const lax = { tls: { credentials: { ...source.tls.credentials, verifyPeer: false } } };
    const { sent } = await move({ guest: { ram: createGuestRam({ seed: 1 }) }, source: lax, destination });
    expect(sent.tls).toMatchObject({ name: 'CN=server.example', verified: false });
  });
});

describe('a source that has not proven who it is is refused, and the wait goes on', () => {
  /** The destination says this of main, as `expectSaid` has it. */
  async function refused(
    pair: { source: object; destination: { tls: ServerTls } },
    says: RegExp,
  ): Promise<void> {
    const reasons: string[] = [];
    const outcome = await tryToMove({
      guest: { ram: createGuestRam({ seed: 1 }) },
      source: pair.source,
      destination: {
        ...pair.destination,
        onEvent: (event) => void (event.type === 'refused' && reasons.push(event.reason)),
      },
      waitsOn: true,
      // A thread judges, and tells the source first.
      heard: () => reasons.some((reason) => says.test(reason)),
    });
    const error = expectFailure(outcome.sent, ['peer-closed', 'tls']);
    expect(error.guest).toBe('source');
    // Main was not read, so there is no reason: the source's first guess must be the right one.
    expect(error.hint).toMatch(
      error.code === 'peer-closed'
        ? /^TLS: (?:the destination may not accept this end's|this end has no) certificate/
        : /tls-creds|certificate|does it accept this end/,
    );
    expectFailure(outcome.received, 'cancelled');
    expectSaid(reasons, says);
  }

  const faults: readonly (readonly [string, Ends, RegExp])[] = [
    ['expired', { client: past }, /^its certificate \(CN=client\.example\) has expired/],
    ['not yet valid', { client: future }, /is not valid yet/],
    ['of another authority', { clientBy: 'another' }, /is of an authority that is not trusted here/],
    ['revoked', { revoked: 'client' }, /is revoked/],
    ['made for a server', { swapped: 'client' }, /is not made for this end/],
    ['not there', { client: 'none' }, /^it has no certificate/],
  ];
  it.each(faults)('its certificate is %s', async (_what, given, says) => {
    const pair = await ends(given);
    await refused(pair, says);
  });

  it('tls-authz does not allow it', async () => {
    const { source, destination } = await ends({});
    const strict = { tls: { ...destination.tls, authz: [parseAuthzRule('CN=*.other')] } };
    await refused(
      { source, destination: strict },
      /^its certificate is valid, but no tls-authz allows CN=client\.example$/,
    );
  });

  it('tls-authz allows it', async () => {
    const { source, destination } = await ends({});
    const strict = { tls: { ...destination.tls, authz: [parseAuthzRule('CN=*.example')] } };
    await move({ guest: { ram: createGuestRam({ seed: 1 }) }, source, destination: strict });
  });

  it('without verify-peer anybody gets in, and the result does not say who', async () => {
    const { source, destination } = await ends({ client: 'none' });
    const lax = { tls: { credentials: { ...destination.tls.credentials, verifyPeer: false } } };
    const { received } = await move({
      guest: { ram: createGuestRam({ seed: 1 }) },
      source,
      destination: lax,
    });
    expect(received.tls).toMatchObject({ verified: false });
    expect(received.tls).not.toHaveProperty('name');
  });
});

describe('a shared key', () => {
  const key = (endpoint: 'client' | 'server', byte: string, username = 'qemu') => {
    const dir = credentialsFolder(testFolder(), 'psk', { 'keys.psk': `${username}:${byte.repeat(32)}\n` });
    return { tls: { credentials: loadTlsCredentials({ dir, endpoint, psk: true, username }) } };
  };

  it('lets a guest move, and its user is the name', async () => {
    const { sent, received } = await move({
      guest: { ram: createGuestRam({ seed: 1 }) },
      source: key('client', 'a1', 'alice'),
      destination: key('server', 'a1', 'alice'),
    });
    expect(received.tls).toMatchObject({
      version: 'TLSv1.3',
      name: 'alice',
      verified: true,
      channels: channelsTls,
    });
    expect(sent.tls).toMatchObject({ version: 'TLSv1.3', verified: true, channels: channelsTls });
  });

  it.each([
    ['another key', key, 'qemu', 'b2'],
    ['another user', key, 'mallory', 'a1'],
  ] as const)('%s: neither end takes it', async (_what, make, user, byte) => {
    const outcome = await tryToMove({
      guest: { ram: createGuestRam({ seed: 1 }) },
      source: make('client', byte, user),
      destination: make('server', 'a1'),
      waitsOn: true,
    });
    expectFailure(outcome.sent, 'tls', /^main stream: (?:TLS handshake|the destination closed)/);
    expectFailure(outcome.received, 'cancelled');
  });

  it('is not replaced by a certificate: a client with a key takes no server with one', async () => {
    const { destination } = await ends({});
    const outcome = await tryToMove({
      guest: { ram: createGuestRam({ seed: 1 }) },
      source: key('client', 'a1'),
      destination: { tls: { credentials: { ...destination.tls.credentials, verifyPeer: false } } },
      waitsOn: true,
    });
    expectFailure(outcome.sent, 'tls');
    expectFailure(outcome.received, 'cancelled');
  });
});

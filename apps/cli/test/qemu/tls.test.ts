import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { credentialsFolder, TestAuthority, usualCredentials } from '@multifd/testing/certificates';
import { describe, expect, it } from 'vitest';
import { installedQemus, type QemuRelease } from '../../../../packages/qemu/test/support/binaries.js';
import { whyNot } from '../../../../packages/qemu/test/support/codecs.js';
import { TestFolder } from '../../../../packages/qemu/test/support/folder.js';
import { setParameters, waitForMigration } from '../../../../packages/qemu/test/support/monitor.js';
import { until } from '../../../../packages/qemu/test/support/until.js';
import { run, start, startReceive } from '../helpers/cli.js';
import {
  expectCountGoesOn,
  expectRunsOn,
  expectSameRam,
  type Guest,
  listen,
  migrateTo,
  startSource,
  startTarget,
} from './support/guests.js';

/** QEMU's own cases of multifd with TLS (its tests/qtest/migration), with multifd at the other end. */

const ENDED = ['completed', 'failed', 'cancelled'] as const;
const here = installedQemus();
const haveCodecs = (await whyNot('zlib')) === undefined && (await whyNot('zstd')) === undefined;
const TLS13 = { version: 'TLSv1.3', cipher: expect.stringMatching(/^TLS_/), verified: true };

interface Case {
  readonly from: QemuRelease;
  readonly to: QemuRelease;
  readonly machine: string;
  readonly kind: 'psk' | 'x509';
  readonly channels?: number;
  readonly compression?: 'none' | 'zlib' | 'zstd';
  readonly returnPath?: false;
  /** Credentials that the command makes. */
  readonly init?: true;
}

const NEW = { from: '10.0', to: '10.0', machine: 'q35' } as const;

const CASES: readonly Case[] = [
  { ...NEW, kind: 'x509' },
  { ...NEW, kind: 'x509', init: true },
  { ...NEW, kind: 'psk', init: true },
  { ...NEW, kind: 'psk' },
  { ...NEW, kind: 'x509', channels: 4, compression: 'zlib' },
  { ...NEW, kind: 'x509', compression: 'zstd' },
  { ...NEW, kind: 'psk', compression: 'zstd' },
  { ...NEW, machine: 'pc-q35-9.1', kind: 'x509' },
  // Such a source reads nothing: what TLS sends by itself would reset main and lose its end.
  { ...NEW, kind: 'x509', returnPath: false },
  { ...NEW, kind: 'psk', returnPath: false },
  { from: '7.2', to: '7.2', machine: 'q35', kind: 'x509' },
  { from: '7.2', to: '7.2', machine: 'q35', kind: 'psk', returnPath: false },
  { from: '7.2', to: '10.0', machine: 'pc-q35-7.2', kind: 'x509', channels: 1 },
  { from: '11.1', to: '11.1', machine: 'q35', kind: 'x509' },
  { from: '11.1', to: '11.1', machine: 'q35', kind: 'psk', returnPath: false },
];

/** `-object` for one end of QEMU. */
const x509 = (endpoint: string, dir: string, verify = 'on'): string[] => [
  '-object',
  `tls-creds-x509,id=tls,endpoint=${endpoint},dir=${dir},verify-peer=${verify}`,
];
const psk = (endpoint: string, dir: string): string[] => [
  '-object',
  `tls-creds-psk,id=tls,endpoint=${endpoint},dir=${dir}`,
];

/** Credentials of `multifd tls init`. */
async function made(folder: TestFolder, kind: Case['kind']): Promise<string> {
  const dir = folder.file('made');
  const words = kind === 'psk' ? ['--psk'] : ['--host', 'dst.example'];
  expect(await run(['tls', 'init', dir, ...words])).toMatchObject({ code: 0 });
  return dir;
}

function pskFolder(parent: string, name: string, byte: string): string {
  const dir = join(parent, name);
  mkdirSync(dir, { mode: 0o700 });
  writeFileSync(join(dir, 'keys.psk'), `qemu:${byte.repeat(32)}\n`, { mode: 0o600 });
  return dir;
}

describe('TLS on all channels, from QEMU and to QEMU', () => {
  for (const each of CASES.filter(({ from, to }) => here.includes(from) && here.includes(to))) {
    const { from, to, machine, kind, channels = 2, compression = 'none', returnPath = true } = each;
    const silent = returnPath ? '' : ', no return path';
    const by = each.init ? ', made by tls init' : '';
    it.skipIf(compression !== 'none' && !haveCodecs)(
      `${from} to multifd to ${to}, ${machine}, ${kind} match, ${channels} channels, ${compression}${silent}${by}`,
      async () => {
        using folder = new TestFolder();
        const dir =
          each.init === true
            ? await made(folder, kind)
            : kind === 'psk'
              ? pskFolder(folder.path, 'tls', 'a5')
              : await usualCredentials(folder.path);
        const creds = kind === 'psk' ? psk : x509;
        const words = ['--tls-creds', dir, ...(kind === 'psk' ? ['--tls-psk'] : [])];
        const common = ['--channels', `${channels}`, '--compression', compression, '--json', ...words];
        const parameters = {
          'tls-creds': 'tls',
          'multifd-channels': channels,
          'multifd-compression': compression,
        };
        const source = await startSource({
          release: from,
          machine,
          folder: folder.path,
          extra: creds('client', dir),
        });
        await using _ = source.qemu;
        const file = folder.file('guest.mig');
        const receiving = await startReceive([`file:${file}`, ...common]);
        await migrateTo(source, receiving.address, parameters, returnPath);
        const { code, stdout, stderr } = await receiving.ended;
        expect(code, `${stderr}${source.qemu.log()}`).toBe(0);
        const client = each.init ? 'O=multifd,CN=source' : 'CN=source.example,O=Example';
        const peer = kind === 'psk' ? 'qemu' : client;
        expect(JSON.parse(stdout)).toMatchObject({ status: 'completed', tls: { ...TLS13, peer } });
        expect(await waitForMigration(source.qemu.qmp, ENDED, 30_000)).toMatchObject({ status: 'completed' });

        const target = await startTarget({
          release: to,
          machine,
          folder: folder.path,
          extra: creds('server', dir),
        });
        await using __ = target.qemu;
        const address = await listen(target, channels, parameters);
        const sent = await run(['migrate', `file:${file}`, address, ...common]);
        expect(sent.code, `${sent.stderr}${target.qemu.log()}`).toBe(0);
        const server = kind === 'psk' ? null : each.init ? 'O=multifd,CN=dst.example' : 'CN=server.example';
        expect(JSON.parse(sent.stdout)).toMatchObject({ tls: { ...TLS13, peer: server } });
        expect(await waitForMigration(target.qemu.qmp, ENDED, 30_000)).toMatchObject({ status: 'completed' });
        expectSameRam(source, target);
        await expectCountGoesOn(source, target);
      },
    );
  }
});

describe.runIf(here.includes('10.0'))('multifd relay with TLS on one side', () => {
  it.each([
    { what: 'plain in, TLS out', inside: false },
    { what: 'TLS in, plain out', inside: true },
  ])('10.0 to 10.0, $what', async ({ inside }) => {
    using folder = new TestFolder();
    const dir = await usualCredentials(folder.path);
    const common = { release: '10.0', machine: 'q35', folder: folder.path } as const;
    const source = await startSource({ ...common, extra: inside ? x509('client', dir) : [] });
    await using _ = source.qemu;
    const target = await startTarget({ ...common, extra: inside ? [] : x509('server', dir) });
    await using __ = target.qemu;
    const tls = { 'tls-creds': 'tls' };
    const destination = await listen(target, 3, inside ? {} : tls);
    const words = [inside ? '--tls-creds' : '--outgoing-tls-creds', dir];
    const counts = ['--channels', '2', '--outgoing-multifd-channels', '3'];
    const relaying = start(['relay', 'tcp:127.0.0.1:0', destination, ...counts, ...words, '--json']);
    const address = await relaying.says(/listening on (tcp:\S+)/);
    await migrateTo(source, address, { 'multifd-channels': 2, ...(inside ? tls : {}) });
    const { code, stdout, stderr } = await relaying.ended;
    expect(code, `${stderr}${source.qemu.log()}${target.qemu.log()}`).toBe(0);
    const side = { tls: TLS13 };
    expect(JSON.parse(stdout)).toMatchObject(inside ? { incoming: side } : { outgoing: side });
    expect(JSON.parse(stdout)[inside ? 'outgoing' : 'incoming']).not.toHaveProperty('tls');
    expect(await waitForMigration(source.qemu.qmp, ENDED, 30_000)).toMatchObject({ status: 'completed' });
    expect(await waitForMigration(target.qemu.qmp, ENDED, 30_000)).toMatchObject({ status: 'completed' });
    expectSameRam(source, target);
    await expectCountGoesOn(source, target);
  });
});

/** A running QEMU source and a `receive`: the source does not get in, and its guest runs on. */
async function refusedSource(settings: {
  readonly folder: TestFolder;
  readonly source: readonly string[];
  readonly receive: readonly string[];
  readonly says: RegExp;
  readonly hostname?: string;
}): Promise<void> {
  const { folder, says, hostname } = settings;
  const source = await startSource({
    release: '10.0',
    machine: 'q35',
    folder: folder.path,
    extra: settings.source,
  });
  await using _ = source.qemu;
  const receiving = await startReceive(settings.receive);
  const tls = { 'tls-creds': 'tls', ...(hostname === undefined ? {} : { 'tls-hostname': hostname }) };
  await migrateTo(source, receiving.address, { ...tls, 'multifd-channels': 2 });
  await receiving.says(says);
  expect(await waitForMigration(source.qemu.qmp, ENDED, 60_000)).toMatchObject({ status: 'failed' });
  await expectRunsOn(source);
  receiving.child.kill('SIGINT');
  expect((await receiving.ended).code).toBe(130);
}

/** `migrate` of a small guest to a QEMU: it fails with exit code 1, and its guest is intact. */
async function refusedByTarget(settings: {
  readonly folder: TestFolder;
  readonly target: readonly string[];
  readonly migrate: readonly string[];
  readonly says: RegExp;
  readonly authz?: string;
}): Promise<Guest> {
  const { folder, says, authz } = settings;
  const target = await startTarget({
    release: '10.0',
    machine: 'q35',
    folder: folder.path,
    extra: settings.target,
  });
  try {
    const address = await listen(target, 2, { 'tls-creds': 'tls' });
    if (authz !== undefined) await setParameters(target.qemu.qmp, { 'tls-authz': authz });
    const { code, stderr, stdout } = await run([
      ...['migrate', 'demo:16M', address, '--no-verify', '--json', '--setup-timeout', '20000'],
      ...settings.migrate,
    ]);
    expect(stderr).toMatch(says);
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ status: 'failed', 'guest-at': 'source' });
    return target;
  } finally {
    await target.qemu.kill();
  }
}

describe.runIf(here.includes('10.0'))('TLS from QEMU 10.0: who does not get in', () => {
  it('psk mismatch', async () => {
    using folder = new TestFolder();
    await refusedSource({
      folder,
      source: psk('client', pskFolder(folder.path, 'theirs', '11')),
      receive: ['--tls-creds', pskFolder(folder.path, 'ours', '22'), '--tls-psk'],
      says: /refused.*shared key/,
    });
  });

  it('x509 mismatched host: QEMU does not accept us', async () => {
    using folder = new TestFolder();
    const dir = await usualCredentials(folder.path);
    await refusedSource({
      folder,
      source: x509('client', dir),
      receive: ['--tls-creds', dir],
      hostname: 'other.example',
      says: /refused/,
    });
  });

  it('x509, a client that tls-authz does not allow', async () => {
    using folder = new TestFolder();
    const dir = await usualCredentials(folder.path);
    await refusedSource({
      folder,
      source: x509('client', dir),
      receive: ['--tls-creds', dir, '--tls-authz', 'CN=somebody-else'],
      says: /refused.*no tls-authz allows CN=source\.example,O=Example/,
    });
  });

  it('x509, an anonymous client', async () => {
    using folder = new TestFolder();
    const { theirs, ours } = await anonymous(folder);
    await refusedSource({
      folder,
      source: x509('client', theirs),
      receive: ['--tls-creds', ours],
      says: /refused.*it has no certificate/,
    });
  });

  it('no TLS at all', async () => {
    using folder = new TestFolder();
    const dir = await usualCredentials(folder.path);
    const source = await startSource({ release: '10.0', machine: 'q35', folder: folder.path });
    await using _ = source.qemu;
    const receiving = await startReceive(['--tls-creds', dir]);
    await migrateTo(source, receiving.address, { 'multifd-channels': 2 });
    await receiving.says(/refused.*it does not use TLS/);
    await until(
      'QEMU gives up',
      async () => (await waitForMigration(source.qemu.qmp, ENDED, 60_000)) !== null,
    );
    await expectRunsOn(source);
    receiving.child.kill('SIGINT');
    expect((await receiving.ended).code).toBe(130);
  });
});

describe.runIf(here.includes('10.0'))('TLS to QEMU 10.0: who is not let in, or not trusted', () => {
  it('psk mismatch', async () => {
    using folder = new TestFolder();
    await refusedByTarget({
      folder,
      target: psk('server', pskFolder(folder.path, 'theirs', '11')),
      migrate: ['--tls-creds', pskFolder(folder.path, 'ours', '22'), '--tls-psk'],
      // QEMU closes without an alert.
      says: /in the middle of the TLS handshake\nhint: .*keys\.psk/,
    });
  });

  it('x509 mismatched host', async () => {
    using folder = new TestFolder();
    const dir = await usualCredentials(folder.path);
    await refusedByTarget({
      folder,
      target: x509('server', dir),
      migrate: ['--tls-creds', dir, '--tls-hostname', 'other.example'],
      says: /the destination's certificate \(CN=server\.example\) is not for the host other\.example/,
    });
  });

  it('x509, a client that its authz-list denies', async () => {
    using folder = new TestFolder();
    const dir = await usualCredentials(folder.path);
    await refusedByTarget({
      folder,
      target: [...x509('server', dir), '-object', 'authz-simple,id=authz,identity=CN=somebody-else'],
      authz: 'authz',
      migrate: ['--tls-creds', dir],
      says: /the destination closed|connection broke/,
    });
  });

  it('x509, an anonymous client', async () => {
    using folder = new TestFolder();
    const { theirs, ours } = await anonymous(folder);
    await refusedByTarget({
      folder,
      target: x509('server', ours),
      migrate: ['--tls-creds', theirs],
      says: /it wants a certificate of this end|the destination closed|connection broke/,
    });
  });

  it('no TLS there', async () => {
    using folder = new TestFolder();
    const dir = await usualCredentials(folder.path);
    const target = await startTarget({ release: '10.0', machine: 'q35', folder: folder.path });
    await using _ = target.qemu;
    const address = await listen(target, 2);
    const sent = await run(['migrate', 'demo:16M', address, '--no-verify', '--tls-creds', dir]);
    expect(sent.stderr).toMatch(/main stream: .*TLS handshake/);
    expect(sent.stderr).toMatch(/hint: .*tls-creds|does it use TLS/);
    expect(sent.code).toBe(1);
  });
});

describe.runIf(here.includes('10.0'))('TLS with QEMU 10.0: who gets in', () => {
  it.each([
    { what: 'x509 override host', client: { hosts: [] }, verify: true },
    { what: 'x509, an anonymous client where verify-peer is off', client: undefined, verify: false },
  ])('$what, both directions', async ({ client, verify }) => {
    using folder = new TestFolder();
    const authority = await TestAuthority.make();
    const server = await authority.issue('server', { hosts: ['other.example'] });
    const own = client === undefined ? undefined : await authority.issue('client', client);
    const dir = credentialsFolder(folder.path, 'tls', {
      'ca-cert.pem': authority.cert,
      'server-cert.pem': server.cert,
      'server-key.pem': server.key,
      'client-cert.pem': own?.cert,
      'client-key.pem': own?.key,
    });
    const common = { release: '10.0', machine: 'q35', folder: folder.path } as const;
    const tls = { 'tls-creds': 'tls', 'tls-hostname': 'other.example', 'multifd-channels': 2 };
    const source = await startSource({ ...common, extra: x509('client', dir) });
    await using _ = source.qemu;
    const file = folder.file('guest.mig');
    const lax = verify ? [] : ['--no-tls-verify-peer'];
    const receiving = await startReceive([`file:${file}`, '--tls-creds', dir, ...lax]);
    await migrateTo(source, receiving.address, tls);
    const received = await receiving.ended;
    expect(received.code, `${received.stderr}${source.qemu.log()}`).toBe(0);

    const target = await startTarget({ ...common, extra: x509('server', dir, verify ? 'on' : 'off') });
    await using __ = target.qemu;
    const address = await listen(target, 2, { 'tls-creds': 'tls' });
    const sent = await run([
      ...['migrate', `file:${file}`, address],
      ...['--tls-creds', dir, '--tls-hostname', 'other.example'],
    ]);
    expect(sent.code, `${sent.stderr}${target.qemu.log()}`).toBe(0);
    expect(await waitForMigration(target.qemu.qmp, ENDED, 30_000)).toMatchObject({ status: 'completed' });
    expectSameRam(source, target);
    await expectCountGoesOn(source, target);
  });
});

/** Of one authority: `ours` is a server's, and `theirs` a client's without a certificate. */
async function anonymous(folder: TestFolder): Promise<{ theirs: string; ours: string }> {
  const authority = await TestAuthority.make();
  const server = await authority.issue('server', { hosts: ['localhost'], addresses: ['127.0.0.1'] });
  return {
    theirs: credentialsFolder(folder.path, 'theirs', { 'ca-cert.pem': authority.cert }),
    ours: credentialsFolder(folder.path, 'ours', {
      'ca-cert.pem': authority.cert,
      'server-cert.pem': server.cert,
      'server-key.pem': server.key,
    }),
  };
}

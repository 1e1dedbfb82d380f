import { probe } from '@multifd/host-linux';
import { credentialsFolder, TestAuthority, usualCredentials } from '@multifd/testing/certificates';
import { describe, expect, it } from 'vitest';
import { installedQemus, type QemuRelease } from '../../../../packages/qemu/test/support/binaries.js';
import { whyNot } from '../../../../packages/qemu/test/support/codecs.js';
import { TestFolder } from '../../../../packages/qemu/test/support/folder.js';
import { waitForMigration } from '../../../../packages/qemu/test/support/monitor.js';
import { run, start, startReceive } from '../helpers/cli.js';
import {
  ENDED,
  expectCountGoesOn,
  expectSameRam,
  listen,
  migrateTo,
  startSource,
  startTarget,
} from './support/guests.js';
import { psk, pskFolder, x509 } from './support/tls.js';

/** QEMU's own cases of multifd with TLS (its tests/qtest/migration), with multifd at the other end. */

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
  /** `none`: Node does the channels' TLS. */
  readonly host?: 'none';
  /** QEMU speaks nothing newer. */
  readonly version?: '1.2';
}

const NEW = { from: '10.0', to: '10.0', machine: 'q35' } as const;

const CASES: readonly Case[] = [
  { ...NEW, kind: 'x509' },
  { ...NEW, kind: 'x509', init: true },
  { ...NEW, kind: 'psk', init: true },
  { ...NEW, kind: 'psk' },
  { ...NEW, kind: 'x509', host: 'none' },
  { ...NEW, kind: 'psk', channels: 4, compression: 'zstd', host: 'none' },
  { from: '7.2', to: '7.2', machine: 'q35', kind: 'x509', returnPath: false, host: 'none' },
  { ...NEW, kind: 'x509', version: '1.2' },
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

/** Credentials of `multifd tls init`. */
async function made(folder: TestFolder, kind: Case['kind']): Promise<string> {
  const dir = folder.file('made');
  const words = kind === 'psk' ? ['--psk'] : ['--host', 'dst.example'];
  expect(await run(['tls', 'init', dir, ...words])).toMatchObject({ code: 0 });
  return dir;
}

describe('TLS on all channels, from QEMU and to QEMU', () => {
  for (const each of CASES.filter(({ from, to }) => here.includes(from) && here.includes(to))) {
    const { from, to, machine, kind, channels: count = 2, compression = 'none', returnPath = true } = each;
    const silent = returnPath ? '' : ', no return path';
    const by = [
      each.init ? ', made by tls init' : '',
      each.host === undefined ? '' : ', --host none',
      each.version === undefined ? '' : `, TLS ${each.version}`,
    ].join('');
    it.skipIf(compression !== 'none' && !haveCodecs)(
      `${from} to multifd to ${to}, ${machine}, ${kind} match, ${count} channels, ${compression}${silent}${by}`,
      async () => {
        using folder = new TestFolder();
        const dir =
          each.init === true
            ? await made(folder, kind)
            : kind === 'psk'
              ? pskFolder(folder.path, 'tls', 'a5')
              : await usualCredentials(folder.path);
        const oldest = each.version === '1.2' ? ',priority=NORMAL:-VERS-ALL:+VERS-TLS1.2' : '';
        const creds = (endpoint: string, folder: string): string[] => {
          const [option = '', value = ''] = (kind === 'psk' ? psk : x509)(endpoint, folder);
          return [option, `${value}${oldest}`];
        };
        const byHost = each.host === undefined && each.version === undefined && probe().ok;
        const channels = byHost ? 'host-linux' : 'node:tls';
        const protection = {
          version: `TLSv${each.version ?? '1.3'}`,
          cipher: expect.stringMatching(/^TLS_/),
          verified: true,
        };
        const words = ['--tls-creds', dir, ...(kind === 'psk' ? ['--tls-psk'] : [])];
        const host = each.host === undefined ? [] : ['--host', each.host];
        const common = ['--channels', `${count}`, '--compression', compression, '--json', ...words, ...host];
        const parameters = {
          'tls-creds': 'tls',
          'multifd-channels': count,
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
        expect(JSON.parse(stdout)).toMatchObject({
          status: 'completed',
          tls: { ...protection, peer, channels },
        });
        expect(await waitForMigration(source.qemu.qmp, ENDED, 30_000)).toMatchObject({ status: 'completed' });

        const target = await startTarget({
          release: to,
          machine,
          folder: folder.path,
          extra: creds('server', dir),
        });
        await using __ = target.qemu;
        const address = await listen(target, count, parameters);
        const sent = await run(['migrate', `file:${file}`, address, ...common]);
        expect(sent.code, `${sent.stderr}${target.qemu.log()}`).toBe(0);
        const server = kind === 'psk' ? null : each.init ? 'O=multifd,CN=dst.example' : 'CN=server.example';
        expect(JSON.parse(sent.stdout)).toMatchObject({
          tls: { ...protection, peer: server, channels },
        });
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

import { credentialsFolder, TestAuthority, usualCredentials } from '@multifd/testing/certificates';
import { describe, expect, it } from 'vitest';
import { installedQemus } from '../../../../packages/qemu/test/support/binaries.js';
import { TestFolder } from '../../../../packages/qemu/test/support/folder.js';
import { setParameters, waitForMigration } from '../../../../packages/qemu/test/support/monitor.js';
import { until } from '../../../../packages/qemu/test/support/until.js';
import { run, startReceive } from '../helpers/cli.js';
import {
  ENDED,
  expectRunsOn,
  type Guest,
  listen,
  migrateTo,
  startSource,
  startTarget,
} from './support/guests.js';
import { psk, pskFolder, x509 } from './support/tls.js';

/** QEMU's own cases of multifd with TLS that must fail, with multifd at the other end. */

const here = installedQemus();

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

import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { probe } from '@multifd/host-linux';
import { credentialsFolder, TestAuthority } from '@multifd/testing/certificates';
import { describe, expect, it, onTestFinished } from 'vitest';
import { run, start, startReceive } from '../helpers/cli.js';

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'tls-'));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** What `multifd tls init` makes. */
async function made(...words: string[]): Promise<string> {
  const dir = join(folder(), 'tls');
  const { code, stderr } = await run(['tls', 'init', dir, ...words]);
  expect(code, stderr).toBe(0);
  return dir;
}

const mode = (path: string): number => statSync(path).mode & 0o777;
const GUEST = ['migrate', 'demo:16M'];

describe('multifd tls init', () => {
  it('makes files for this user only, whatever the umask, and replaces none', async () => {
    const parent = folder();
    const dir = join(parent, 'tls');
    const lax = ['sh', '-c', 'umask 0; exec "$@"', 'sh'];
    const { code, stdout } = await start(['tls', 'init', dir, '--json'], { wrap: lax }).ended;
    expect(code).toBe(0);
    const files = readdirSync(dir).sort();
    expect(files).toEqual([
      'ca-cert.pem',
      'ca-key.pem',
      'client-cert.pem',
      'client-key.pem',
      'server-cert.pem',
      'server-key.pem',
    ]);
    expect(JSON.parse(stdout)).toMatchObject({ command: 'tls init', status: 'completed', dir });
    expect(mode(dir)).toBe(0o700);
    for (const file of files) expect(mode(join(dir, file)), file).toBe(0o600);
    const again = await run(['tls', 'init', dir]);
    expect(again).toMatchObject({ code: 2, stdout: '' });
    expect(again.stderr).toMatch(/ca-cert\.pem is there already\nhint: name another folder/);
  });

  it('leaves nothing if one of the files is there', async () => {
    const dir = credentialsFolder(folder(), 'tls', { 'server-key.pem': 'mine' });
    expect((await run(['tls', 'init', dir])).code).toBe(2);
    expect(readdirSync(dir)).toEqual(['server-key.pem']);
  });

  it.each([['-x'], ['a b'], ['']])('refuses the host %j', async (host) => {
    const { code, stderr } = await run(['tls', 'init', join(folder(), 'x'), `--host=${host}`]);
    expect([code, stderr]).toEqual([2, expect.stringMatching(/neither a host name nor an address/)]);
  });
});

describe('--tls-creds', () => {
  it.each(['auto', 'none'])(
    'of tls init: a guest moves, and both ends say who was there; --host %s',
    async (host) => {
      const dir = await made('--host', 'dst.example');
      const receiving = await startReceive([
        '--tls-creds',
        dir,
        '--tls-authz',
        '*,CN=source',
        '--json',
        '--host',
        host,
      ]);
      expect(receiving.stderr()).toMatch(/TLS, to those that tls-authz allows/);
      const sent = await run([...GUEST, receiving.address, '--tls-creds', dir, '--json', '--host', host]);
      expect(sent.code, sent.stderr).toBe(0);
      const channels = host === 'auto' && probe().ok ? 'host-linux' : 'node:tls';
      const tls = { version: 'TLSv1.3', cipher: expect.stringMatching(/^TLS_/), verified: true };
      expect(JSON.parse(sent.stdout)).toMatchObject({
        verified: true,
        tls: { ...tls, peer: 'O=multifd,CN=dst.example', channels },
      });
      const received = await receiving.ended;
      expect(JSON.parse(received.stdout)).toMatchObject({
        tls: { ...tls, peer: 'O=multifd,CN=source', channels },
      });
    },
  );

  it('with a shared key: the summary names the user', async () => {
    const dir = await made('--psk');
    expect(mode(join(dir, 'keys.psk'))).toBe(0o600);
    const words = ['--tls-creds', dir, '--tls-psk'];
    const receiving = await startReceive(words);
    const sent = await run([...GUEST, receiving.address, ...words]);
    expect(sent.code, sent.stderr).toBe(0);
    // With a shared key too: the handshake is Node's, whoever does the records.
    const by = `channels by ${probe().ok ? 'host-linux' : 'node:tls'}`;
    const line = 'tls: TLSv1.3, TLS_AES_128_GCM_SHA256';
    expect(sent.stdout.split('\n')).toContain(`${line}, the other end has the shared key, ${by}`);
    expect((await receiving.ended).stdout.split('\n')).toContain(`${line}, qemu, ${by}`);
  });

  it('a host that the certificate is not for: exit code 1, and the guest is here', async () => {
    const dir = await made();
    const receiving = await startReceive(['--tls-creds', dir]);
    const words = ['--tls-creds', dir, '--tls-hostname', 'other.example'];
    const { code, stderr, stdout } = await run([...GUEST, receiving.address, ...words, '--json']);
    expect(stderr).toMatch(
      /is not for the host other\.example\nhint: it is for .*localhost.*the guest is intact here/,
    );
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ 'error-class': 'tls', 'guest-at': 'source' });
    receiving.child.kill('SIGINT');
    expect((await receiving.ended).code).toBe(130);
  });

  it('a source without TLS hears that the destination has it, and the destination waits on', async () => {
    const dir = await made();
    const receiving = await startReceive(['--tls-creds', dir]);
    const { code, stderr } = await run([...GUEST, receiving.address]);
    expect(stderr).toMatch(/hint: .*tls-creds/);
    expect([1, 4]).toContain(code);
    await receiving.says(/refused 127\.0\.0\.1:\d+: it does not use TLS, and this end was told to/);
    const sent = await run([...GUEST, receiving.address, '--tls-creds', dir]);
    expect(sent.code, sent.stderr).toBe(0);
    expect((await receiving.ended).code).toBe(0);
  });

  it('own credentials that cannot be used: one line, before anything else', async () => {
    const authority = await TestAuthority.make();
    const { cert, key } = await authority.issue('server', { from: -10, to: -1 });
    const parent = folder();
    const old = credentialsFolder(parent, 'old', {
      'ca-cert.pem': authority.cert,
      'server-cert.pem': cert,
      'server-key.pem': key,
    });
    const cases = [
      [1, old, /^multifd: tls-creds .*server-cert\.pem: it expired on /],
      [2, join(parent, 'none'), /there is no such folder\nhint: multifd tls init/],
    ] as const;
    for (const [expected, dir, says] of cases) {
      const { code, stderr, stdout } = await run(['receive', '--tls-creds', dir, '--json']);
      expect(stderr).toMatch(says);
      expect(code).toBe(expected);
      expect(JSON.parse(stdout)).toMatchObject({ status: 'failed', 'guest-at': null });
    }
  });

  const usage = [
    [['receive', '--tls-authz', 'CN=a'], /--tls-authz means nothing without --tls-creds/],
    [['migrate', '--tls-psk'], /--tls-psk means nothing without --tls-creds/],
    [['receive', '--no-tls-verify-peer'], /--tls-verify-peer means nothing without --tls-creds/],
    [
      ['relay', 'tcp::0', 'tcp::1', '--outgoing-tls-hostname', 'x'],
      /--outgoing-tls-hostname means nothing without --outgoing-tls-creds/,
    ],
    [['receive', '--tls-authz', ''], /it names nobody/],
    [
      ['migrate', 'demo:4K', 'loopback', '--tls-creds', '.'],
      /the loopback destination is started without TLS/,
    ],
  ] as const;
  it.each(usage)('%j: exit code 2', async (words, says) => {
    const { code, stderr } = await run(words);
    expect([code, stderr]).toEqual([2, expect.stringMatching(says)]);
  });
});

describe('where other machines can connect', () => {
  it.each([
    ['receive', 'tcp:0.0.0.0:0'],
    ['receive', 'tcp:[::]:0'],
    ['relay', 'tcp:0.0.0.0:0', 'tcp:127.0.0.1:1'],
  ])('%s %s wants TLS or --insecure', async (...words) => {
    const { code, stderr } = await run(words);
    expect(code).toBe(2);
    expect(stderr).toMatch(
      /other machines can reach it, and without TLS.*\nhint: give --tls-creds DIR .*--insecure/,
    );
  });

  it('--insecure listens there, and says what that means', async () => {
    const receiving = start(['receive', 'tcp:0.0.0.0:0', '--insecure']);
    await receiving.says(
      /listening on tcp:0\.0\.0\.0:\d+ \(other machines can reach it, and nothing is encrypted/,
    );
    receiving.child.kill('SIGINT');
    expect((await receiving.ended).code).toBe(130);
  });

  it('with TLS no more is needed', async () => {
    const receiving = start(['receive', 'tcp:0.0.0.0:0', '--tls-creds', await made()]);
    await receiving.says(/listening on tcp:0\.0\.0\.0:\d+ \(TLS, to whoever has a valid certificate\)/);
    receiving.child.kill('SIGINT');
    expect((await receiving.ended).code).toBe(130);
  });
});

it("a unix socket is this user's only, whatever the umask", async () => {
  const path = join(folder(), 'socket');
  const lax = ['sh', '-c', 'umask 0; exec "$@"', 'sh'];
  const receiving = start(['receive', `unix:${path}`], { wrap: lax });
  await receiving.says(/listening on/);
  expect(mode(path)).toBe(0o600);
  receiving.child.kill('SIGINT');
  expect((await receiving.ended).code).toBe(130);
});

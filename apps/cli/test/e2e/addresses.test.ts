import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { run, start } from '../helpers/cli.js';
import { tempDirectory } from '../helpers/temp.js';

const isRoot = process.getuid?.() === 0;
/** Root may do everything: it becomes a user who may not. */
const wrap = isRoot ? ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'] : [];
const onLinux = process.platform === 'linux';

/** First port that any user may listen on (Linux). */
function firstFreePort(): number {
  const path = '/proc/sys/net/ipv4/ip_unprivileged_port_start';
  return existsSync(path) ? Number(readFileSync(path, 'utf8')) : 0;
}

/** A directory in which that user can make nothing. */
function closedDirectory(): string {
  const directory = tempDirectory();
  chmodSync(directory, isRoot ? 0o755 : 0o555);
  return directory;
}

/** @param cwd paths are relative to it, as that user may not look into the folder of this run. */
async function expectUsage(args: readonly string[], says: RegExp, hint: RegExp, cwd = '/'): Promise<void> {
  const { code, stdout, stderr } = await run([...args, '--json'], { wrap, cwd });
  expect(stderr).toMatch(/^multifd: [^\n]+\nhint: [^\n]+\n$/);
  expect(stderr).toMatch(says);
  expect(stderr).toMatch(hint);
  expect(stderr).not.toMatch(/end the program that listens there/);
  expect(code).toBe(2);
  expect(JSON.parse(stdout)).toMatchObject({ status: 'failed', 'error-class': 'usage' });
}

const listeners = (address: string) => [
  ['receive', address],
  ['relay', address, 'tcp:127.0.0.1:1'],
];

describe.runIf(onLinux)('an address that this user may not use is exit code 2, and says so', () => {
  it('a directory that only others may write to', async () => {
    const directory = closedDirectory();
    for (const args of listeners('unix:x.sock'))
      await expectUsage(args, /permission denied \(EACCES\)/, /who may write to the directory/, directory);
  });

  it('a directory that cannot even be looked into', async () => {
    const directory = tempDirectory();
    chmodSync(directory, isRoot ? 0o700 : 0);
    for (const args of listeners(`unix:${join(directory, 'sub', 'x.sock')}`))
      await expectUsage(args, /permission denied \(EACCES\)/, /directories above it/);
    chmodSync(directory, 0o700);
  });

  it.runIf(firstFreePort() > 1)('a low port', async () => {
    for (const args of listeners('tcp:127.0.0.1:1'))
      await expectUsage(args, /cannot listen on tcp:127\.0\.0\.1:1: permission denied/, /from 1024 on/);
  });

  it.runIf(isRoot)("another user's socket", async () => {
    const directory = tempDirectory();
    chmodSync(directory, 0o755);
    const destination = start(['receive', 'unix:x.sock'], { cwd: directory });
    const address = await destination.says(/listening on (unix:\S+)/);
    await expectUsage(['migrate', 'demo:4M', address], /EACCES/, /may write to the socket/, directory);
    for (const args of listeners(address))
      await expectUsage(args, /another user's socket/, /another path/, directory);
  });
});

describe.runIf(onLinux)('a path that this user may not use is exit code 2, and says so', () => {
  it('a migration file of somebody else', async () => {
    const directory = tempDirectory();
    chmodSync(directory, 0o755);
    writeFileSync(join(directory, 'guest.mig'), 'QEVM');
    chmodSync(join(directory, 'guest.mig'), isRoot ? 0o600 : 0);
    for (const args of [
      ['inspect', 'guest.mig'],
      ['migrate', 'file:guest.mig'],
    ])
      await expectUsage(args, /guest\.mig: cannot be read: .*\(EACCES\)/, /who may use it/, directory);
  });

  it('a file in a directory that cannot even be looked into', async () => {
    const directory = tempDirectory();
    chmodSync(directory, isRoot ? 0o700 : 0);
    const path = join(directory, 'guest.mig');
    for (const args of [
      ['inspect', path],
      ['migrate', `file:${path}`],
    ])
      await expectUsage(args, /guest\.mig: .*\(EACCES\)/, /directories above it/);
    chmodSync(directory, 0o700);
  });

  it('samples of bench, and a folder for them', async () => {
    const directory = tempDirectory();
    chmodSync(directory, isRoot ? 0o700 : 0);
    await expectUsage(['bench', '--from', join(directory, 'samples')], /\(EACCES\)/, /directories above it/);
    const images = ['bench', '--peer', 'none', '--scenario', 'zero', '--size', '16M', '--images', directory];
    await expectUsage(images, /\(EACCES\)/, /directories above it/);
    chmodSync(directory, 0o700);
  });

  it('a folder for keys that nothing can be made in', async () => {
    const directory = closedDirectory();
    await expectUsage(
      ['tls', 'init', 'keys'],
      /tls init keys: .*\(EACCES\)/,
      /directories above it/,
      directory,
    );
  });
});

describe('an address that cannot be right is exit code 2, for whoever listens and whoever connects', () => {
  it('a file where the socket should be: it stays', async () => {
    const directory = tempDirectory();
    const path = join(directory, 'file');
    chmodSync(directory, 0o755);
    writeFileSync(path, 'precious');
    for (const args of [...listeners('unix:file'), ['migrate', 'demo:4M', 'unix:file']])
      await expectUsage(args, /no socket/, /path/, directory);
    expect(readFileSync(path, 'utf8')).toBe('precious');
  });

  it('an address of another machine', async () => {
    for (const args of listeners('tcp:192.0.2.1:4444'))
      await expectUsage([...args, '--insecure'], /EADDRNOTAVAIL/, /does not have that address/);
  });
});

describe('a relay whose destination cannot be there says so before it listens', () => {
  it.each([
    [
      'unix:not/there.sock',
      /cannot connect to unix:not\/there\.sock: there is no directory not/,
      /check the path/,
    ],
    ['unix:.', /what is there is no socket/, /check the path/],
    ['tcp:no-host-has-this-name.invalid:4444', /ENOTFOUND/, /no host has this name/],
  ])('%s', async (destination, says, hint) => {
    const relay = start(['relay', 'tcp:127.0.0.1:0', destination, '--json'], { cwd: tempDirectory() });
    // It would wait for a source for ever.
    void relay.says(/listening on/).then(
      () => relay.child.kill('SIGKILL'),
      () => {},
    );
    const { code, stdout, stderr } = await relay.ended;
    expect(stderr).toMatch(says);
    expect(stderr).toMatch(hint);
    expect(code).toBe(2);
    expect(JSON.parse(stdout)).toMatchObject({ status: 'failed', 'error-class': 'usage', 'guest-at': null });
  });

  it('one that does not listen yet: it waits for a source', async () => {
    const relay = start(['relay', 'tcp:127.0.0.1:0', 'unix:later.sock'], { cwd: tempDirectory() });
    await relay.says(/listening on/);
    relay.child.kill('SIGINT');
    expect((await relay.ended).code).toBe(130);
  });
});

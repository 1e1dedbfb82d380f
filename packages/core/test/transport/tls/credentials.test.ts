import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadTlsCredentials, MultifdError } from '@multifd/core';
import { credentialsFolder, type IssueOptions, TestAuthority } from '@multifd/testing/certificates';
import { beforeAll, describe, expect, it } from 'vitest';
import { testFolder } from '../../support/tls.js';

let authority: TestAuthority;
beforeAll(async () => {
  authority = await TestAuthority.make();
});

type Files = Record<string, string | undefined>;

/** A folder that is right but for what `change` does to it. */
async function folder(change: (files: Files) => Files = (files) => files, options: IssueOptions = {}) {
  const server = await authority.issue('server', options);
  const client = await authority.issue('client', options);
  const files = {
    'ca-cert.pem': authority.cert,
    'server-cert.pem': server.cert,
    'server-key.pem': server.key,
    'client-cert.pem': client.cert,
    'client-key.pem': client.key,
  };
  return credentialsFolder(testFolder(), 'tls', change(files));
}

function fault(load: () => unknown): MultifdError {
  try {
    load();
  } catch (error) {
    if (MultifdError.is(error)) return error;
    throw error;
  }
  throw new Error('it was accepted');
}

describe('credentials in a folder', () => {
  it('are those of the end that is asked for', async () => {
    const dir = await folder();
    const server = loadTlsCredentials({ dir, endpoint: 'server' });
    const client = loadTlsCredentials({ dir, endpoint: 'client', verifyPeer: false });
    expect(server).toMatchObject({ kind: 'x509', endpoint: 'server', verifyPeer: true, ca: authority.cert });
    expect(client).toMatchObject({ kind: 'x509', endpoint: 'client', verifyPeer: false });
    expect(server.kind === 'x509' && server.own).not.toEqual(client.kind === 'x509' && client.own);
  });

  it('of a client need no certificate', async () => {
    const dir = await folder(({ 'ca-cert.pem': ca }) => ({ 'ca-cert.pem': ca }));
    expect(loadTlsCredentials({ dir, endpoint: 'client' })).not.toHaveProperty('own');
  });

  const missing = ['ca-cert.pem', 'server-cert.pem', 'server-key.pem'] as const;
  it.each(missing)('without %s are refused', async (name) => {
    const dir = await folder((files) => ({ ...files, [name]: undefined }));
    const { code, message } = fault(() => loadTlsCredentials({ dir, endpoint: 'server' }));
    expect([code, message]).toEqual(['usage', `tls-creds ${join(dir, name)}: there is no such file`]);
  });

  it.each(['client-cert.pem', 'client-key.pem'])(
    'of a client without its %s only are refused',
    async (name) => {
      const dir = await folder((files) => ({ ...files, [name]: undefined }));
      expect(fault(() => loadTlsCredentials({ dir, endpoint: 'client' })).message).toMatch(
        /client-(?:cert|key)\.pem: its (?:certificate|key) is missing/,
      );
    },
  );

  const broken = [
    ['ca-cert.pem', 'hello', /no certificate in PEM form/],
    [
      'server-cert.pem',
      '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----',
      /not a certificate that/,
    ],
    ['server-key.pem', 'hello', /not a private key in PEM form/],
    [
      'server-key.pem',
      '-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----',
      /protected by a password/,
    ],
    [
      'ca-crl.pem',
      '-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----',
      /OpenSSL does not take them: .*CRL/,
    ],
    ['ca-crl.pem', 'hello', /no revocation list in PEM form/],
  ] as const;
  it.each(broken)('with a %s of %j are refused', async (name, text, says) => {
    const dir = await folder((files) => ({ ...files, [name]: text }));
    const error = fault(() => loadTlsCredentials({ dir, endpoint: 'server' }));
    expect(error.code).toBe('usage');
    expect(error.message).toMatch(says);
    expect(error.message).toContain(/OpenSSL/.test(error.message) ? dir : join(dir, name));
  });

  it('with the key of another certificate are refused', async () => {
    const dir = await folder((files) => ({ ...files, 'server-key.pem': files['client-key.pem'] }));
    expect(fault(() => loadTlsCredentials({ dir, endpoint: 'server' })).message).toMatch(
      /server-key\.pem: it is not the key of server-cert\.pem$/,
    );
  });

  const dates = [
    [{ from: -10, to: -1 }, /server-cert\.pem: it expired on \d{4}-/],
    [{ from: 1, to: 10 }, /server-cert\.pem: it is not valid before \d{4}-/],
  ] as const;
  it.each(dates)('of %j are refused', async (days, says) => {
    const dir = await folder((files) => files, days);
    const error = fault(() => loadTlsCredentials({ dir, endpoint: 'server' }));
    expect(error.code).toBe('tls');
    expect(error.message).toMatch(says);
  });

  it.skipIf(process.platform === 'win32')('whose key everybody can read are refused', async () => {
    const dir = await folder();
    chmodSync(join(dir, 'server-key.pem'), 0o644);
    const error = fault(() => loadTlsCredentials({ dir, endpoint: 'server' }));
    expect(error.message).toMatch(/server-key\.pem: every user of this machine can read or change it/);
    expect(error.hint).toMatch(/chmod 600/);
    // The certificate is no secret.
    chmodSync(join(dir, 'server-key.pem'), 0o600);
    chmodSync(join(dir, 'server-cert.pem'), 0o644);
    expect(loadTlsCredentials({ dir, endpoint: 'server' }).kind).toBe('x509');
  });

  it('that are no folder are refused', async () => {
    const dir = await folder();
    expect(fault(() => loadTlsCredentials({ dir: join(dir, 'x'), endpoint: 'server' })).message).toMatch(
      /there is no such folder/,
    );
    const file = join(dir, 'ca-cert.pem');
    expect(fault(() => loadTlsCredentials({ dir: file, endpoint: 'server' })).message).toMatch(
      /not a folder/,
    );
  });
});

describe('shared keys', () => {
  const KEY = 'ab'.repeat(32);
  const load = (text: string, endpoint: 'client' | 'server', username?: string) => {
    const dir = testFolder();
    mkdirSync(dir, { recursive: true });
    writeFileSync(join(dir, 'keys.psk'), text, { mode: 0o600 });
    return loadTlsCredentials({ dir, endpoint, psk: true, ...(username === undefined ? {} : { username }) });
  };

  it('are those of all users on a server, and its own on a client', () => {
    const text = `# made today\n\nqemu:${KEY}\r\nother:${KEY.toUpperCase()}\n`;
    const key = Uint8Array.from(Buffer.from(KEY, 'hex'));
    expect(load(text, 'server')).toMatchObject({ kind: 'psk', keys: { qemu: key, other: key } });
    expect(load(text, 'client')).toEqual({
      kind: 'psk',
      endpoint: 'client',
      username: 'qemu',
      keys: { qemu: key },
    });
    expect(load(text, 'client', 'other')).toMatchObject({ username: 'other', keys: { other: key } });
  });

  const broken = [
    ['', 'server', /no key in it/],
    [`other:${KEY}`, 'client', /no key of the user "qemu"/],
    ['qemu', 'server', /line 1: expected USER:HEXKEY/],
    [`a:${KEY}\nqemu:xyz`, 'server', /line 2: expected USER:HEXKEY/],
    ['qemu:abc', 'server', /line 1: expected USER:HEXKEY/],
    ['qemu:abcd', 'server', /line 1: a key has 16 to 512 bytes/],
  ] as const;
  it.each(broken)('in %j are refused on a %s', (text, endpoint, says) => {
    const error = fault(() => load(text, endpoint));
    expect(error.code).toBe('usage');
    expect(error.message).toMatch(says);
    // A secret is in no message.
    expect(error.message).not.toContain(KEY.slice(0, 8));
  });
});

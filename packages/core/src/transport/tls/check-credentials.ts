import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { MultifdError } from '../../errors.js';
import type { PskCredentials, TlsEndpoint, X509Credentials } from './credentials.js';

/** Contents of a folder; undefined: the file is not there. */
export interface X509Files {
  /** For messages. */
  readonly dir: string;
  readonly ca: string;
  readonly crl: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/**
 * Checks that certificates and key can be used now, and fit together: a fault is told here, in one line, and not by
 * the other end when the guest is about to leave.
 * @throws MultifdError `usage`; `tls` if a certificate has expired, or is not valid yet.
 */
export function checkX509(
  files: X509Files,
  endpoint: TlsEndpoint,
  verifyPeer: boolean,
  now: Date,
): X509Credentials {
  const { dir, ca, crl, cert, key } = files;
  const at = (name: string): string => `tls-creds ${join(dir, name)}`;
  for (const one of certificates(ca, at('ca-cert.pem'))) checkDates(one, at('ca-cert.pem'), now);
  if (crl !== undefined && !crl.includes('-----BEGIN X509 CRL-----'))
    throw new MultifdError('usage', `${at('ca-crl.pem')}: no revocation list in PEM form`);
  const certPath = at(`${endpoint}-cert.pem`);
  const keyPath = at(`${endpoint}-key.pem`);
  const common = { kind: 'x509', endpoint, verifyPeer, ca, ...(crl === undefined ? {} : { crl }) } as const;
  if (cert === undefined && key === undefined) return common;
  if (cert === undefined || key === undefined) {
    const [there, missing] = cert === undefined ? [keyPath, 'certificate'] : [certPath, 'key'];
    throw new MultifdError('usage', `${there}: its ${missing} is missing`, {
      hint: `put ${endpoint}-cert.pem and ${endpoint}-key.pem there, or neither of them`,
    });
  }
  const [own] = certificates(cert, certPath);
  if (own === undefined) throw new MultifdError('internal', `${certPath}: no certificate`);
  checkDates(own, certPath, now);
  if (!own.checkPrivateKey(privateKey(key, keyPath)))
    throw new MultifdError('usage', `${keyPath}: it is not the key of ${endpoint}-cert.pem`);
  return { ...common, own: { cert, key } };
}

function certificates(pem: string, where: string): readonly [X509Certificate, ...X509Certificate[]] {
  const [first, ...others] = pem.match(CERTIFICATE) ?? [];
  if (first === undefined) throw new MultifdError('usage', `${where}: no certificate in PEM form`);
  const read = (text: string): X509Certificate => {
    try {
      return new X509Certificate(text);
    } catch (cause) {
      throw new MultifdError('usage', `${where}: not a certificate that can be read`, { cause });
    }
  };
  return [read(first), ...others.map(read)];
}

function checkDates({ validFromDate, validToDate }: X509Certificate, where: string, now: Date): void {
  if (validToDate < now)
    throw new MultifdError('tls', `${where}: it expired on ${validToDate.toISOString()}`, {
      hint: 'make a new one; nothing else has to change',
    });
  if (validFromDate > now)
    throw new MultifdError('tls', `${where}: it is not valid before ${validFromDate.toISOString()}`, {
      hint: "look at this machine's clock",
    });
}

function privateKey(pem: string, where: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (cause) {
    const isLocked = pem.includes('ENCRYPTED');
    const why = isLocked ? 'it is protected by a password' : 'not a private key in PEM form';
    throw new MultifdError('usage', `${where}: ${why}`, {
      cause,
      ...(isLocked ? { hint: 'store it without one, readable by this user only' } : {}),
    });
  }
}

/**
 * Reads `keys.psk`: lines of `username:hexkey`. Blank lines and lines with `#` in front are left out.
 * @throws MultifdError `usage`.
 */
export function checkPsk(
  path: string,
  text: string,
  endpoint: TlsEndpoint,
  username: string,
): PskCredentials {
  const keys: Record<string, Uint8Array> = Object.create(null);
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const [, user, hex = ''] = /^([^:]{1,128}):((?:[0-9a-fA-F]{2})+)\s*$/.exec(line) ?? [];
    const where = `tls-creds ${path}, line ${index + 1}`;
    // Not the line itself: it is a secret.
    if (user === undefined)
      throw new MultifdError('usage', `${where}: expected USER:HEXKEY`, {
        hint: 'psktool -u USER -p keys.psk makes such a line',
      });
    const key = Uint8Array.from(Buffer.from(hex, 'hex'));
    if (key.length < SHORTEST_KEY || key.length > LONGEST_KEY)
      throw new MultifdError('usage', `${where}: a key has ${SHORTEST_KEY} to ${LONGEST_KEY} bytes`);
    keys[user] ??= key;
  }
  if (endpoint === 'server') {
    if (Object.keys(keys).length === 0) throw new MultifdError('usage', `tls-creds ${path}: no key in it`);
    return { kind: 'psk', endpoint, username, keys };
  }
  const own = keys[username];
  if (own === undefined)
    throw new MultifdError('usage', `tls-creds ${path}: no key of the user ${JSON.stringify(username)}`, {
      hint: 'add it, or name another user',
    });
  return { kind: 'psk', endpoint, username, keys: { [username]: own } };
}

/** Bytes of a shared key. Shorter ones could be guessed; OpenSSL takes no longer ones (PSK_MAX_PSK_LEN). */
const SHORTEST_KEY = 16;
const LONGEST_KEY = 512;

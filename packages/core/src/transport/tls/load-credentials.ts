import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { createSecureContext } from 'node:tls';
import { MultifdError } from '../../errors.js';
import { checkPsk, checkX509, type X509Files } from './check-credentials.js';
import type { TlsCredentials, TlsEndpoint, X509Credentials } from './credentials.js';
import { tlsReason } from './faults.js';

export interface CredentialsFolder {
  /** Folder with QEMU's file names. */
  readonly dir: string;
  readonly endpoint: TlsEndpoint;
  /** Default true. */
  readonly verifyPeer?: boolean;
  /** Shared keys (`keys.psk`) in place of certificates. Default false. */
  readonly psk?: boolean;
  /** User of the shared key. Default `qemu`, as QEMU has it. */
  readonly username?: string;
}

/** Bytes of the largest file that is read: revocation lists can be long. */
const MOST = 16 * 2 ** 20;

/**
 * Reads the credentials of one end from a folder in QEMU's form: `ca-cert.pem`, `ca-crl.pem` (optional), and
 * `server-cert.pem` and `server-key.pem`, or `client-cert.pem` and `client-key.pem` (optional). Or `keys.psk`.
 * @throws MultifdError `usage`, or `tls` for a certificate that is out of date: names the file and what is wrong.
 */
export function loadTlsCredentials(folder: CredentialsFolder): TlsCredentials {
  const { dir, endpoint, verifyPeer = true, psk = false, username = 'qemu' } = folder;
  checkFolder(dir);
  if (psk)
    return checkPsk(join(dir, 'keys.psk'), needed(dir, 'keys.psk', true, MAKE_KEYS), endpoint, username);
  const [cert, key] = [`${endpoint}-cert.pem`, `${endpoint}-key.pem`];
  const isNeeded = endpoint === 'server';
  const files: X509Files = {
    dir,
    ca: needed(dir, 'ca-cert.pem', false),
    crl: optional(dir, 'ca-crl.pem', false),
    cert: isNeeded ? needed(dir, cert, false) : optional(dir, cert, false),
    key: isNeeded ? needed(dir, key, true) : optional(dir, key, true),
  };
  const credentials = checkX509(files, endpoint, verifyPeer, new Date());
  checkUsable(dir, credentials);
  return credentials;
}

/** OpenSSL has its own conditions: lists that it can read, keys that are long enough. */
function checkUsable(dir: string, { ca, crl, own }: X509Credentials): void {
  try {
    createSecureContext({ ca, ...(crl === undefined ? {} : { crl }), ...own });
  } catch (cause) {
    const why = cause instanceof Error ? tlsReason(cause) : String(cause);
    throw new MultifdError('usage', `tls-creds ${dir}: OpenSSL does not take them: ${why}`, { cause });
  }
}

function checkFolder(dir: string): void {
  try {
    if (statSync(dir).isDirectory()) return;
  } catch (cause) {
    throw unusable(dir, cause);
  }
  throw new MultifdError('usage', `tls-creds ${dir}: not a folder`, { hint: MAKE });
}

function needed(dir: string, name: string, secret: boolean, hint = MAKE): string {
  const text = optional(dir, name, secret);
  if (text !== undefined) return text;
  throw new MultifdError('usage', `tls-creds ${join(dir, name)}: there is no such file`, { hint });
}

/** @param secret others must not be able to read it. */
function optional(dir: string, name: string, secret: boolean): string | undefined {
  const path = join(dir, name);
  try {
    const { mode, size } = statSync(path);
    if (secret && process.platform !== 'win32' && (mode & 0o007) !== 0) {
      throw new MultifdError('usage', `tls-creds ${path}: every user of this machine can read or change it`, {
        hint: `chmod 600 ${path}, and make a new one if others were here`,
      });
    }
    if (size > MOST) throw new MultifdError('usage', `tls-creds ${path}: larger than ${MOST} bytes`);
    return readFileSync(path, 'utf8');
  } catch (cause) {
    if (MultifdError.is(cause)) throw cause;
    if (cause instanceof Error && Reflect.get(cause, 'code') === 'ENOENT') return undefined;
    throw unusable(path, cause);
  }
}

const MAKE = 'multifd tls init DIR makes a folder with all that both ends need';
const MAKE_KEYS = 'multifd tls init DIR --psk makes a folder with one';

function unusable(path: string, cause: unknown): MultifdError {
  const code: unknown = cause instanceof Error ? Reflect.get(cause, 'code') : undefined;
  const why =
    code === 'ENOENT'
      ? 'there is no such folder'
      : code === 'EACCES'
        ? 'this user may not read it'
        : MultifdError.from(cause, 'io', 'it cannot be read').message;
  const hint = code === 'EACCES' ? 'check who may read it, and enter the directories above it' : MAKE;
  return new MultifdError('usage', `tls-creds ${path}: ${why}`, { cause, hint });
}

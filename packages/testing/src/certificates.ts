// The library below needs it, and takes it from the global Reflect.
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  BasicConstraintsExtension,
  cryptoProvider,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type JsonGeneralName,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  X509Certificate,
  X509CertificateGenerator,
  X509CrlGenerator,
} from '@peculiar/x509';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const DAY = 24 * 60 * 60_000;

/** A certificate and its key, as PEM. */
export interface Issued {
  readonly cert: string;
  readonly key: string;
}

export interface IssueOptions {
  /** As RFC 4514 has it: `CN=source.example,O=Example`. */
  readonly subject?: string;
  readonly hosts?: readonly string[];
  readonly addresses?: readonly string[];
  /** Days from now. Default: -1 to 30. */
  readonly from?: number;
  readonly to?: number;
}

/** A certificate authority for tests. */
export class TestAuthority {
  readonly cert: string;
  readonly #certificate: X509Certificate;
  readonly #keys: webcrypto.CryptoKeyPair;

  private constructor(certificate: X509Certificate, keys: webcrypto.CryptoKeyPair) {
    this.#certificate = certificate;
    this.#keys = keys;
    this.cert = certificate.toString('pem');
  }

  static async make(name = 'CN=test authority'): Promise<TestAuthority> {
    cryptoProvider.set(webcrypto);
    const keys = await newKeys();
    const certificate = await X509CertificateGenerator.createSelfSigned({
      serialNumber: '01',
      name,
      ...validity({}),
      signingAlgorithm: ALGORITHM,
      keys,
      extensions: [
        new BasicConstraintsExtension(true, undefined, true),
        new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      ],
    });
    return new TestAuthority(certificate, keys);
  }

  async issue(endpoint: 'client' | 'server', options: IssueOptions = {}): Promise<Issued> {
    const { subject = `CN=${endpoint}.example`, hosts = [], addresses = [] } = options;
    const keys = await newKeys();
    const names: JsonGeneralName[] = [
      ...hosts.map((value): JsonGeneralName => ({ type: 'dns', value })),
      ...addresses.map((value): JsonGeneralName => ({ type: 'ip', value })),
    ];
    const purpose = endpoint === 'client' ? ExtendedKeyUsage.clientAuth : ExtendedKeyUsage.serverAuth;
    const certificate = await X509CertificateGenerator.create({
      serialNumber: webcrypto.getRandomValues(Buffer.alloc(8)).fill(1, 0, 1).toString('hex'),
      subject,
      issuer: this.#certificate.subject,
      ...validity(options),
      signingAlgorithm: ALGORITHM,
      publicKey: keys.publicKey,
      signingKey: this.#keys.privateKey,
      extensions: [
        new BasicConstraintsExtension(false, undefined, true),
        // QEMU wants both, whatever the kind of key.
        new KeyUsagesExtension(KeyUsageFlags.digitalSignature | KeyUsageFlags.keyEncipherment, true),
        new ExtendedKeyUsageExtension([purpose], false),
        ...(names.length === 0 ? [] : [new SubjectAlternativeNameExtension(names, false)]),
      ],
    });
    const key = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
    return { cert: certificate.toString('pem'), key: pem('PRIVATE KEY', key) };
  }

  /** A revocation list. @param revoked certificates, as PEM. */
  async crl(revoked: readonly string[], days: Pick<IssueOptions, 'from' | 'to'> = {}): Promise<string> {
    const { notBefore, notAfter } = validity(days);
    const list = await X509CrlGenerator.create({
      issuer: this.#certificate.subject,
      thisUpdate: notBefore,
      nextUpdate: notAfter,
      entries: revoked.map((each) => ({
        serialNumber: new X509Certificate(each).serialNumber,
        revocationDate: notBefore,
      })),
      signingAlgorithm: ALGORITHM,
      signingKey: this.#keys.privateKey,
    });
    return pem('X509 CRL', Buffer.from(list.rawData).toString('base64'));
  }
}

/** Writes files of credentials into a new folder of `parent`; a name that is undefined is left out. @returns its path. */
export function credentialsFolder(
  parent: string,
  name: string,
  files: Readonly<Record<string, string | undefined>>,
): string {
  const dir = join(parent, name);
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  for (const [file, text] of Object.entries(files))
    if (text !== undefined) writeFileSync(join(dir, file), text, { mode: 0o600 });
  return dir;
}

/** A folder with what both ends need, for `localhost` and this machine's own addresses. */
export async function usualCredentials(parent: string, name = 'tls'): Promise<string> {
  const authority = await TestAuthority.make();
  const server = await authority.issue('server', {
    hosts: ['localhost'],
    addresses: ['127.0.0.1', '::1'],
  });
  const client = await authority.issue('client', { subject: 'CN=source.example,O=Example' });
  return credentialsFolder(parent, name, {
    'ca-cert.pem': authority.cert,
    'server-cert.pem': server.cert,
    'server-key.pem': server.key,
    'client-cert.pem': client.cert,
    'client-key.pem': client.key,
  });
}

function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
}

function validity({ from = -1, to = 30 }: Pick<IssueOptions, 'from' | 'to'>): {
  readonly notBefore: Date;
  readonly notAfter: Date;
} {
  const now = Date.now();
  return { notBefore: new Date(now + from * DAY), notAfter: new Date(now + to * DAY) };
}

function pem(what: string, base64: string): string {
  const lines = base64.match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${what}-----\n${lines.join('\n')}\n-----END ${what}-----\n`;
}

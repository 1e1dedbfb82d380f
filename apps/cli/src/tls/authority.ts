// The library below needs it, and takes it from the global Reflect.
import 'reflect-metadata';
import { randomBytes, webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import * as x509 from '@peculiar/x509';

/** QEMU and every TLS of today take it; a handshake with it costs little. */
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

const DAY = 24 * 60 * 60_000;
/** Clocks differ: from an hour ago. */
const SKEW = 60 * 60_000;
/** Days that an authority and the certificates of both ends are good for. */
export const CA_DAYS = 5 * 365;
export const END_DAYS = 365;

/** A certificate and its key, as PEM. */
export interface Issued {
  readonly cert: string;
  readonly key: string;
}

export interface Names {
  /** Hosts of the destination: names and addresses. */
  readonly hosts: readonly string[];
  /** Of this machine, for the authority's name. */
  readonly machine: string;
}

/** All that both ends need. */
export interface Authority {
  readonly ca: Issued;
  readonly server: Issued;
  readonly client: Issued;
}

/** Makes a certificate authority, and a certificate for each end. */
export async function makeAuthority({ hosts, machine }: Names): Promise<Authority> {
  x509.cryptoProvider.set(webcrypto);
  const keys = await newKeys();
  // With a date: two authorities of one machine are not taken for each other.
  const name = `O=multifd,CN=${commonName(`authority of ${machine} ${new Date().toISOString().slice(0, 19)}`)}`;
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serial(),
    name,
    ...validFor(CA_DAYS),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      // It signs both ends, and no other authority.
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  const issue = async (
    subject: string,
    purpose: x509.ExtendedKeyUsage,
    names: readonly string[],
  ): Promise<Issued> => {
    const own = await newKeys();
    const issued = await x509.X509CertificateGenerator.create({
      serialNumber: serial(),
      subject,
      issuer: certificate.subject,
      ...validFor(END_DAYS),
      signingAlgorithm: ALGORITHM,
      publicKey: own.publicKey,
      signingKey: keys.privateKey,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        // QEMU 10 wants both of any kind of key.
        new x509.KeyUsagesExtension(
          x509.KeyUsageFlags.digitalSignature | x509.KeyUsageFlags.keyEncipherment,
          true,
        ),
        new x509.ExtendedKeyUsageExtension([purpose], false),
        await x509.AuthorityKeyIdentifierExtension.create(keys.publicKey),
        await x509.SubjectKeyIdentifierExtension.create(own.publicKey),
        ...(names.length === 0
          ? []
          : [new x509.SubjectAlternativeNameExtension(names.map(alternative), false)]),
      ],
    });
    return { cert: issued.toString('pem'), key: await exported(own) };
  };
  const { serverAuth, clientAuth } = x509.ExtendedKeyUsage;
  return {
    ca: { cert: certificate.toString('pem'), key: await exported(keys) },
    server: await issue(`O=multifd,CN=${commonName(hosts[0] ?? machine)}`, serverAuth, hosts),
    client: await issue('O=multifd,CN=source', clientAuth, []),
  };
}

function alternative(host: string): x509.JsonGeneralName {
  return isIP(host) === 0 ? { type: 'dns', value: host } : { type: 'ip', value: host };
}

/** At most 64 characters (RFC 5280), none of which means anything in a name. */
function commonName(text: string): string {
  return text.replaceAll(/[^\w .:-]/g, '-').slice(0, 64);
}

function serial(): string {
  const bytes = randomBytes(16);
  // Positive, and without a leading zero byte.
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  return bytes.toString('hex');
}

function validFor(days: number): { readonly notBefore: Date; readonly notAfter: Date } {
  const now = Date.now();
  return { notBefore: new Date(now - SKEW), notAfter: new Date(now + days * DAY) };
}

function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
}

async function exported({ privateKey }: webcrypto.CryptoKeyPair): Promise<string> {
  return x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', privateKey), 'PRIVATE KEY');
}

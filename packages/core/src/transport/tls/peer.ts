import { isIP } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { MultifdError } from '../../errors.js';
import { nodeTls } from '../node-modules.js';
import { isAuthorized, subjectOf } from './authz.js';
import type { ClientTls, ServerTls, TlsPeer } from './credentials.js';

/** What OpenSSL finds wrong with a certificate, in words; `WHO` stands for whose it is. */
const FAULTS: Readonly<Record<string, { readonly what: string; readonly hint: string }>> = {
  CERT_HAS_EXPIRED: { what: 'has expired', hint: 'it needs a new one' },
  CERT_NOT_YET_VALID: { what: 'is not valid yet', hint: 'look at the clocks of both machines' },
  CERT_REVOKED: { what: 'is revoked', hint: 'it needs a new one (ca-crl.pem lists this one)' },
  CRL_HAS_EXPIRED: {
    what: 'cannot be checked: the revocation list has expired',
    hint: 'put a newer ca-crl.pem there',
  },
  CRL_NOT_YET_VALID: {
    what: 'cannot be checked: the revocation list is not valid yet',
    hint: "look at this machine's clock",
  },
  UNABLE_TO_GET_CRL: {
    what: 'cannot be checked: its authority has no revocation list',
    hint: 'ca-crl.pem needs a list of each authority in ca-cert.pem, or must not be there',
  },
  INVALID_PURPOSE: {
    what: 'is not made for this end',
    hint: 'its extended key usage must be serverAuth on a destination, clientAuth on a source',
  },
};
const OTHER_CA = {
  what: 'is of an authority that is not trusted here',
  hint: 'ca-cert.pem must be the same on both ends',
};
const OF_OTHER_CA = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'CERT_SIGNATURE_FAILURE',
  'CERT_UNTRUSTED',
]);

/**
 * Judges the destination once the handshake is over. Nothing may be sent before.
 * @param host of the address; undefined: it has none.
 * @throws MultifdError `tls` if it is not who it must be.
 */
export function judgeServer(
  socket: TLSSocket,
  { credentials, hostname }: ClientTls,
  host: string | undefined,
): TlsPeer {
  // Asked for once only: before Node 26 a second question, in either of its two forms, finds no certificate.
  const certificate = socket.getPeerX509Certificate();
  if (credentials.kind === 'psk') {
    // Whoever shows a certificate in its place has not proven that it has the key.
    if (certificate !== undefined)
      throw new MultifdError('tls', 'the destination has a certificate in place of the shared key', {
        hint: 'give both ends the same kind of credentials',
      });
    return { ...protection(socket), verified: true };
  }
  if (certificate === undefined) throw new MultifdError('tls', 'the destination has no certificate');
  const name = subjectOf(certificate);
  if (!credentials.verifyPeer) return { ...protection(socket), name, verified: false };
  checkChain(socket, `the destination's certificate (${name})`);
  const wanted = hostname ?? host ?? '';
  const isOther = nodeTls().checkServerIdentity(wanted, certificate.toLegacyObject()) !== undefined;
  if (wanted === '' || isOther) {
    throw new MultifdError('tls', `the destination's certificate (${name}) is not for the host ${wanted}`, {
      hint: `it is for ${names(certificate.subjectAltName)}; tls-hostname says which name it must have`,
    });
  }
  return { ...protection(socket), name, verified: true };
}

/**
 * Judges a client once the handshake is over. Nothing that it sent may be used before.
 * @param user whom it has proven to be by a shared key.
 * @throws MultifdError `tls` if it may not connect.
 */
export function judgeClient(
  socket: TLSSocket,
  { credentials, authz }: ServerTls,
  user: string | undefined,
): TlsPeer {
  if (credentials.kind === 'psk') {
    if (user === undefined) throw new MultifdError('tls', 'it has not shown that it has the shared key');
    return { ...protection(socket), name: user, verified: true };
  }
  if (!credentials.verifyPeer) return { ...protection(socket), verified: false };
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) {
    throw new MultifdError('tls', 'it has no certificate', {
      hint: 'a source needs client-cert.pem and client-key.pem (or turn tls-verify-peer off here)',
    });
  }
  const name = subjectOf(certificate);
  checkChain(socket, `its certificate (${name})`);
  if (authz !== undefined && !isAuthorized(name, authz)) {
    throw new MultifdError('tls', `its certificate is valid, but no tls-authz allows ${name}`);
  }
  return { ...protection(socket), name, verified: true };
}

function checkChain(socket: TLSSocket, whose: string): void {
  // Node says a code here, whatever its types say.
  const code = `${socket.authorizationError ?? ''}`;
  if (socket.authorized && code === '') return;
  const fault = FAULTS[code] ?? (OF_OTHER_CA.has(code) ? OTHER_CA : undefined);
  const what = fault?.what ?? `is not valid (${code === '' ? 'no reason given' : code})`;
  throw new MultifdError('tls', `${whose} ${what}`, fault === undefined ? {} : { hint: fault.hint });
}

function protection(socket: TLSSocket): Pick<TlsPeer, 'version' | 'cipher'> {
  const { name, standardName } = socket.getCipher();
  return { version: socket.getProtocol() ?? 'TLS', cipher: standardName ?? name };
}

/** `DNS:localhost, IP Address:127.0.0.1` in short. */
function names(subjectAltName: string | undefined): string {
  return subjectAltName?.replaceAll(/(?:DNS|IP Address):/g, '') ?? 'no host';
}

/** The name to ask for in the handshake (SNI): an address is none. */
export function serverName(hostname: string | undefined): string {
  return hostname === undefined || isIP(hostname) !== 0 ? '' : hostname;
}

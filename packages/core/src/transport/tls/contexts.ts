import type { ConnectionOptions, TlsOptions } from 'node:tls';
import { nodeCrypto } from '../node-modules.js';
import type { ClientTls, ServerTls } from './credentials.js';

/**
 * Suites for shared keys, best first. In TLS 1.3 such a key goes with SHA-256 only; with 1.2 only those that keep the
 * past secret when the key becomes known.
 */
const PSK_CIPHERS = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-PSK-CHACHA20-POLY1305',
].join(':');

const OLDEST = 'TLSv1.2';

/** What Node needs to be the client. The caller judges the server (`judgeServer`): Node's own checks are off. */
export function clientOptions({ credentials }: ClientTls): ConnectionOptions {
  const common = {
    minVersion: OLDEST,
    rejectUnauthorized: false,
    checkServerIdentity: () => undefined,
  } as const;
  if (credentials.kind === 'psk') {
    const { username, keys } = credentials;
    const psk = Object.hasOwn(keys, username) ? keys[username] : undefined;
    return {
      ...common,
      // None: else Node would trust the authorities of the web.
      ca: [],
      ciphers: PSK_CIPHERS,
      pskCallback: () => (psk === undefined ? null : { psk, identity: username }),
    };
  }
  const { ca, crl, own } = credentials;
  return { ...common, ca, ...(crl === undefined ? {} : { crl }), ...own };
}

/**
 * What Node needs to be the server. The caller judges the client (`judgeClient`).
 * @param identified called with the user name that a client claims, if there is a key for it.
 */
export function serverOptions({ credentials }: ServerTls, identified: (user: string) => void): TlsOptions {
  const { SSL_OP_NO_TICKET, SSL_OP_NO_RENEGOTIATION } = nodeCrypto().constants;
  const common = {
    minVersion: OLDEST,
    rejectUnauthorized: false,
    // What this end decides to close, it closes itself.
    allowHalfOpen: true,
    // No session is resumed, and none is negotiated anew: each connection proves itself, once.
    secureOptions: SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION,
  } as const;
  if (credentials.kind === 'psk') {
    const { keys } = credentials;
    return {
      ...common,
      ciphers: PSK_CIPHERS,
      pskCallback: (_socket, identity) => {
        const psk = Object.hasOwn(keys, identity) ? keys[identity] : undefined;
        if (psk !== undefined) identified(identity);
        return psk ?? null;
      },
    };
  }
  const { ca, crl, own, verifyPeer } = credentials;
  return { ...common, ca, ...(crl === undefined ? {} : { crl }), ...own, requestCert: verifyPeer };
}

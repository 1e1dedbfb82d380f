import { MultifdError } from '../../errors.js';

/** OpenSSL's reasons that show that the other end does not speak TLS. */
const NO_TLS = /wrong version number|packet length too long|http request|unexpected message/i;

/** What the other end says by an alert, or what is wrong with what it sent. */
const FAULTS: readonly { readonly reason: RegExp; readonly what: string; readonly hint: string }[] = [
  {
    reason: /certificate required/i,
    what: 'it wants a certificate of this end',
    hint: 'put client-cert.pem and client-key.pem into the folder of tls-creds',
  },
  {
    reason: /unknown ca/i,
    what: "it does not trust the authority of this end's certificate",
    hint: 'ca-cert.pem must be the same on both ends',
  },
  {
    reason: /certificate expired/i,
    what: "it says that this end's certificate has expired",
    hint: 'make a new one, or look at the clocks of both machines',
  },
  {
    reason: /certificate revoked/i,
    what: "it says that this end's certificate is revoked",
    hint: 'make a new one',
  },
  {
    reason: /(?:bad|unsupported) certificate|certificate unknown/i,
    what: "it does not accept this end's certificate",
    hint: "see the other end's own message",
  },
  {
    reason: /access denied/i,
    what: 'it does not let this end in',
    hint: "see the other end's own message (tls-authz)",
  },
  {
    reason:
      /unknown psk identity|psk identity not found|decrypt error|bad record mac|digest check|binder|illegal parameter/i,
    what: 'the shared keys or their user names differ',
    hint: 'keys.psk must have the same line on both ends',
  },
  {
    reason:
      /handshake failure|insufficient security|no shared cipher|signature algorithm|no suitable|internal error/i,
    what: 'the two ends have no way to prove themselves in common',
    hint: 'give both ends the same kind of credentials, certificates or a shared key (with its user name)',
  },
  {
    reason: /protocol version|unsupported protocol/i,
    what: 'the two ends have no version of TLS in common',
    hint: 'this end speaks 1.2 and 1.3',
  },
];

/** OpenSSL's reason in a few words, or the error's own message. */
export function tlsReason(cause: Error): string {
  const reason: unknown = Reflect.get(cause, 'reason');
  return typeof reason === 'string' && reason !== '' ? reason : cause.message;
}

/**
 * The error of a handshake that failed.
 * @param who the other end, as the message begins: `the destination`, `it`.
 */
export function handshakeFault(cause: Error, who: string): MultifdError {
  const reason = tlsReason(cause);
  const code: unknown = Reflect.get(cause, 'code');
  if (code === 'ECONNRESET' || code === 'EPIPE') {
    return new MultifdError('tls', `${who} closed the connection in the middle of the TLS handshake`, {
      cause,
      hint: 'does it use TLS, with the same kind of credentials (of keys.psk: with the same key), and does it accept this end? see its own message',
    });
  }
  const fault = FAULTS.find((each) => each.reason.test(reason));
  if (fault !== undefined) {
    return new MultifdError('tls', `TLS handshake: ${fault.what} (${reason})`, { cause, hint: fault.hint });
  }
  if (NO_TLS.test(reason)) {
    return new MultifdError('tls', `${who} does not speak TLS, which this end was told to use`, {
      cause,
      hint: 'set tls-creds on both ends, or on neither',
    });
  }
  return new MultifdError('tls', `TLS handshake: ${reason}`, { cause });
}

/** The error of a connection that broke behind its handshake. */
export function connectionFault(cause: Error): MultifdError {
  return new MultifdError('peer-closed', `the connection broke: ${tlsReason(cause)}`, {
    cause,
    hint: "see the destination's own message",
  });
}

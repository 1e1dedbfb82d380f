/** A cipher suite and secret of TLS 1.3, with which another implementation can take over one direction. */
export interface TrafficSecret {
  /** IANA's name. */
  readonly suite: string;
  /** The first application traffic secret of the direction from source to destination (RFC 8446, 7.1). */
  readonly secret: Uint8Array;
}

/** What OpenSSL's key log calls that secret, and the one of the same direction in the handshake. TLS 1.2 has neither. */
export type SecretLabel = 'CLIENT_TRAFFIC_SECRET_0' | 'CLIENT_HANDSHAKE_TRAFFIC_SECRET';

/** The secret in a line of the key log, `LABEL RANDOM SECRET`, if it is of that name; else undefined. */
export function secretIn(line: Uint8Array, name: SecretLabel): Uint8Array | undefined {
  const [label, , secret] = Buffer.from(line).toString('latin1').trim().split(' ');
  if (label !== name || secret === undefined) return undefined;
  // In memory of its own, so that it can be overwritten, and is not posted with what Node keeps beside it.
  const bytes = Buffer.alloc(secret.length >> 1);
  bytes.write(secret, 'hex');
  return bytes;
}

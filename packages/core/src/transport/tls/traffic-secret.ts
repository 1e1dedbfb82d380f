/** A cipher suite and secret of TLS 1.3, with which another implementation can take over one direction. */
export interface TrafficSecret {
  /** IANA's name. */
  readonly suite: string;
  /** The first application traffic secret of the direction from source to destination (RFC 8446, 7.1). */
  readonly secret: Uint8Array;
}

/**
 * That secret in a line of OpenSSL's key log, `LABEL RANDOM SECRET`; undefined in any other line. TLS 1.2 has no such line.
 */
export function clientSecret(line: Uint8Array): Uint8Array | undefined {
  const [label, , secret] = Buffer.from(line).toString('latin1').trim().split(' ');
  return label === 'CLIENT_TRAFFIC_SECRET_0' && secret !== undefined ? Buffer.from(secret, 'hex') : undefined;
}

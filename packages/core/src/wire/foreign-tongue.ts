/** TLS record types that can begin a connection (RFC 8446, 5.1), and the first byte of every TLS version. */
const TLS_ALERT = 0x15;
export const TLS_HANDSHAKE = 0x16;
const TLS_MAJOR = 3;
/** Most bytes of text to quote. */
const QUOTED = 40;

/** Whether the first bytes (at least three) are a TLS record: a ClientHello, an answer to one, or an alert. */
export function isTls(bytes: Uint8Array): boolean {
  return (
    (bytes[0] === TLS_HANDSHAKE || bytes[0] === TLS_ALERT) && bytes[1] === TLS_MAJOR && (bytes[2] ?? 9) <= 4
  );
}

/** Names the protocol of a connection that is not a migration, from its first four bytes or more. */
export function foreignTongue(bytes: Uint8Array): string {
  if (isTls(bytes)) {
    return 'it speaks TLS, which this end was not told to (set tls-creds on both ends, or on neither)';
  }
  const line = plainText(bytes);
  if (line === undefined) return 'not a migration stream';
  const what = /^"[A-Z]{3,7} \S/.test(line) ? 'an HTTP request' : 'plain text';
  return `not a migration stream, but ${what}: ${line}`;
}

/** The beginning of a text greeting, quoted; undefined if the bytes do not begin with text. */
export function plainText(bytes: Uint8Array): string | undefined {
  const text = new TextDecoder('latin1').decode(bytes.subarray(0, QUOTED));
  const line = /^[\x20-\x7e]{4,}/.exec(text)?.[0];
  return line === undefined ? undefined : JSON.stringify(line);
}

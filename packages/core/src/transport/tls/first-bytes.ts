import { MultifdError } from '../../errors.js';
import { classify } from '../../wire/first-bytes.js';
import { foreignTongue, TLS_HANDSHAKE } from '../../wire/foreign-tongue.js';

/** A fatal TLS alert, `unexpected_message`: tells a source without TLS, if it reads at all, what it has connected to. */
export const PLAIN_ALERT: Uint8Array = Uint8Array.of(0x15, 3, 3, 0, 2, 2, 10);

/** What a client speaks in place of TLS; undefined: its first bytes are those of a TLS handshake. */
export function notTls(first: Uint8Array): MultifdError | undefined {
  if (first[0] === TLS_HANDSHAKE) return undefined;
  if (classify(first.subarray(0, 4)) === 'foreign') return new MultifdError('protocol', foreignTongue(first));
  return new MultifdError('tls', 'it does not use TLS, and this end was told to', {
    hint: 'set tls-creds on the source',
  });
}

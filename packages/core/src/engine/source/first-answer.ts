import { MultifdError } from '../../errors.js';
import { concat } from '../../wire/bytes.js';
import { isTls, plainText } from '../../wire/foreign-tongue.js';

/** Number of bytes that tell who answers. */
const ENOUGH = 64;

/** The first bytes that come back on main: the peer may not be a destination at all. */
export class FirstAnswer {
  #bytes: Uint8Array = new Uint8Array(0);

  push(bytes: Uint8Array): void {
    if (this.#bytes.length < ENOUGH) this.#bytes = concat(this.#bytes, bytes.subarray(0, ENOUGH));
  }

  /** Names what answered in place of a destination, if its first bytes tell. */
  foreign(): MultifdError | undefined {
    if (isTls(this.#bytes)) {
      return new MultifdError(
        'incompatible',
        'main stream: the destination speaks TLS, which this end was not told to',
        { hint: 'set tls-creds on both ends, or on neither' },
      );
    }
    const line = plainText(this.#bytes);
    if (line === undefined) return undefined;
    return new MultifdError(
      'protocol',
      `main stream: what listens there is no destination, it says ${line}`,
      {
        hint: 'look at the address and port',
      },
    );
  }
}

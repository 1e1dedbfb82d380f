import { nodeCrypto } from '../node-modules.js';

/** What a cipher suite of TLS 1.3 is made of. */
interface Suite {
  readonly cipher: 'aes-128-gcm' | 'aes-256-gcm' | 'chacha20-poly1305';
  readonly keyLength: number;
  readonly hash: 'sha256' | 'sha384';
}

/** By IANA's names. */
const SUITES: Readonly<Record<string, Suite>> = {
  TLS_AES_128_GCM_SHA256: { cipher: 'aes-128-gcm', keyLength: 16, hash: 'sha256' },
  TLS_AES_256_GCM_SHA384: { cipher: 'aes-256-gcm', keyLength: 32, hash: 'sha384' },
  TLS_CHACHA20_POLY1305_SHA256: { cipher: 'chacha20-poly1305', keyLength: 32, hash: 'sha256' },
};

/** Bytes in front of a record: type, version, length. */
export const RECORD_HEADER = 5;
const TAG = 16;
const NONCE = 12;

/** Types of records and of their contents (RFC 8446, 5.1). */
export const CONTENT = { changeCipherSpec: 20, alert: 21, handshake: 22, application: 23 } as const;

/** Content of a protected record. */
export interface Opened {
  readonly type: number;
  readonly content: Buffer;
}

/**
 * Opens the records that one traffic secret protects (RFC 8446, 5.2 and 7.3), in their order. For looking at what was written: the
 * records of guest memory are not for this.
 */
export class RecordOpener {
  readonly #suite: Suite;
  readonly #key: Buffer;
  readonly #iv: Buffer;
  #sequence = 0;

  constructor(suite: Suite, secret: Uint8Array) {
    this.#suite = suite;
    this.#key = expandLabel(suite, secret, 'key', suite.keyLength);
    this.#iv = expandLabel(suite, secret, 'iv', NONCE);
  }

  /** Of a suite that is known here, with a secret as long as its hash; else undefined. */
  static of(name: string, secret: Uint8Array): RecordOpener | undefined {
    const suite = Object.hasOwn(SUITES, name) ? SUITES[name] : undefined;
    const isFit = suite !== undefined && secret.length === (suite.hash === 'sha256' ? 32 : 48);
    return isFit ? new RecordOpener(suite, secret) : undefined;
  }

  /** The next record, whole; undefined if it is not one of these keys. */
  open(record: Uint8Array): Opened | undefined {
    if (record.length < RECORD_HEADER + 1 + TAG) return undefined;
    const nonce = Buffer.from(this.#iv);
    const at = NONCE - 8;
    nonce.writeBigUInt64BE(nonce.readBigUInt64BE(at) ^ BigInt(this.#sequence), at);
    const options = { authTagLength: TAG };
    const { createDecipheriv } = nodeCrypto();
    const decipher =
      this.#suite.cipher === 'chacha20-poly1305'
        ? createDecipheriv(this.#suite.cipher, this.#key, nonce, options)
        : createDecipheriv(this.#suite.cipher, this.#key, nonce, options);
    decipher.setAAD(record.subarray(0, RECORD_HEADER));
    decipher.setAuthTag(record.subarray(-TAG));
    const plain = decipher.update(record.subarray(RECORD_HEADER, -TAG));
    try {
      decipher.final();
    } catch {
      return undefined;
    }
    this.#sequence += 1;
    // Zeros behind the type are padding.
    const end = plain.findLastIndex((byte) => byte !== 0);
    const type = plain[end];
    return type === undefined ? undefined : { type, content: plain.subarray(0, end) };
  }

  /** Overwrites the keys: it opens nothing any more. */
  wipe(): void {
    this.#key.fill(0);
    this.#iv.fill(0);
  }
}

/** The whole records of `bytes`, and what is left behind them. */
export function splitRecords(bytes: Buffer): { readonly records: readonly Buffer[]; readonly rest: Buffer } {
  const records: Buffer[] = [];
  let at = 0;
  while (bytes.length - at >= RECORD_HEADER) {
    const end = at + RECORD_HEADER + bytes.readUInt16BE(at + 3);
    if (end > bytes.length) break;
    records.push(bytes.subarray(at, end));
    at = end;
  }
  return { records, rest: bytes.subarray(at) };
}

/** HKDF-Expand-Label without a context (RFC 8446, 7.1), no longer than the hash. */
function expandLabel({ hash }: Suite, secret: Uint8Array, label: string, length: number): Buffer {
  const name = Buffer.from(`tls13 ${label}`);
  const info = [Buffer.from([length >> 8, length & 255, name.length]), name, Buffer.from([0, 1])];
  return nodeCrypto().createHmac(hash, secret).update(Buffer.concat(info)).digest().subarray(0, length);
}

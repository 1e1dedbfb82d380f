import { type CipherGCMTypes, createCipheriv, createHmac } from 'node:crypto';
import { CONTENT, RecordOpener, splitRecords } from '../../src/transport/tls/record-opener.js';

/** Secrets of one connection, by their names in the key log. */
export type Secrets = ReadonlyMap<string, Buffer>;

/** Collects lines of OpenSSL's key log, by connection. */
export class KeyLog {
  readonly #connections = new Map<string, Map<string, Buffer>>();

  add(line: Buffer): void {
    const [label = '', random = '', secret = ''] = line.toString('latin1').trim().split(' ');
    const secrets = this.#connections.get(random) ?? new Map<string, Buffer>();
    this.#connections.set(random, secrets.set(label, Buffer.from(secret, 'hex')));
  }

  /** Of the connection whose client has written these bytes: its hello begins with a random that names it. */
  of(sent: Buffer): Secrets | undefined {
    return this.#connections.get(sent.subarray(11, 43).toString('hex'));
  }
}

const HASHES: Readonly<Record<string, 'sha256' | 'sha384'>> = {
  TLS_AES_128_GCM_SHA256: 'sha256',
  TLS_AES_256_GCM_SHA384: 'sha384',
  TLS_CHACHA20_POLY1305_SHA256: 'sha256',
};
const GCM: Readonly<Record<string, CipherGCMTypes>> = {
  TLS_AES_128_GCM_SHA256: 'aes-128-gcm',
  TLS_AES_256_GCM_SHA384: 'aes-256-gcm',
};

function expand(suite: string, secret: Buffer, label: string, length: number): Buffer {
  const info = Buffer.from(
    `\0${String.fromCharCode(length, label.length + 6)}tls13 ${label}\0\x01`,
    'latin1',
  );
  return createHmac(HASHES[suite] ?? 'sha256', secret)
    .update(info)
    .digest()
    .subarray(0, length);
}

/** The secret that a KeyUpdate leads to. */
export const nextSecret = (suite: string, secret: Buffer): Buffer =>
  expand(suite, secret, 'traffic upd', secret.length);

/** A record as an end with this secret would send it (AES-GCM only). */
export function sealed(
  suite: string,
  secret: Buffer,
  sequence: number,
  type: number,
  content: Buffer,
): Buffer {
  const cipher = GCM[suite];
  if (cipher === undefined) throw new Error(`no ${suite}`);
  const nonce = expand(suite, secret, 'iv', 12);
  nonce.writeBigUInt64BE(nonce.readBigUInt64BE(4) ^ BigInt(sequence), 4);
  const key = expand(suite, secret, 'key', cipher === 'aes-128-gcm' ? 16 : 32);
  const sealing = createCipheriv(cipher, key, nonce);
  const header = Buffer.from([CONTENT.application, 3, 3, 0, 0]);
  header.writeUInt16BE(content.length + 1 + 16, 3);
  sealing.setAAD(header);
  const inner = sealing.update(Buffer.concat([content, Buffer.from([type])]));
  sealing.final();
  return Buffer.concat([header, inner, sealing.getAuthTag()]);
}

/** A record that was sent once the handshake was over. */
export interface SentRecord {
  /** KeyUpdates before it, and records with the same keys before it. */
  readonly generation: number;
  readonly sequence: number;
  readonly type: number;
  readonly content: Buffer;
}

const KEY_UPDATE = 24;
export const isKeyUpdate = ({ type, content }: SentRecord): boolean =>
  type === CONTENT.handshake && content[0] === KEY_UPDATE;
export const isAlert = ({ type }: SentRecord): boolean => type === CONTENT.alert;

/**
 * Opens every record that a client has sent, each with the one key and number that it must have in its place: so no two have the
 * same. @throws Error if one does not open.
 */
export function openSent(sent: Buffer, suite: string, secrets: Secrets): readonly SentRecord[] {
  const { records } = splitRecords(sent);
  const isProtected = (record: Buffer): boolean => record[0] === CONTENT.application;
  const first = records.findIndex(isProtected);
  if (first === -1) return [];
  let secret = secrets.get('CLIENT_TRAFFIC_SECRET_0') ?? Buffer.alloc(0);
  const ofHandshake = RecordOpener.of(suite, secrets.get('CLIENT_HANDSHAKE_TRAFFIC_SECRET') ?? secret);
  let at = first;
  while (at < records.length && ofHandshake?.open(records[at] ?? Buffer.alloc(0)) !== undefined) at++;
  const found: SentRecord[] = [];
  let [generation, sequence] = [0, 0];
  let opener = RecordOpener.of(suite, secret);
  for (const record of records.slice(at)) {
    const opened = isProtected(record) ? opener?.open(record) : undefined;
    if (opened === undefined) {
      throw new Error(`record ${found.length} does not open with key ${generation}, number ${sequence}`);
    }
    const one = { generation, sequence, ...opened };
    found.push(one);
    sequence += 1;
    if (!isKeyUpdate(one)) continue;
    secret = nextSecret(suite, secret);
    opener = RecordOpener.of(suite, secret);
    [generation, sequence] = [generation + 1, 0];
  }
  return found;
}

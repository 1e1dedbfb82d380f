import { once } from 'node:events';
import { createServer, type TLSSocket } from 'node:tls';
import type { ClientTls, ServerTls, X509Credentials } from '@multifd/core';
import { onTestFinished } from 'vitest';
import { RecordOpener, splitRecords } from '../../src/transport/tls/record-opener.js';
import { inTime } from './outcome.js';
import { line, type Recorded, usualTls } from './tls.js';
import { KeyLog, openSent, type SentRecord, sealed } from './tls-records.js';

const SERVER_SECRET = 'SERVER_TRAFFIC_SECRET_0';

/** A server of TLS that records what its clients send, and can open it. */
export class RecordsPeer {
  readonly client: ClientTls;
  readonly server: ServerTls;
  /** `tcp:HOST:PORT`. */
  readonly address: string;
  readonly connections: readonly Recorded[];
  readonly #log: KeyLog;
  #suite = '';

  private constructor(
    { client, server }: Awaited<ReturnType<typeof usualTls>>,
    address: string,
    connections: readonly Recorded[],
    log: KeyLog,
  ) {
    this.client = client;
    this.server = server;
    this.address = address;
    this.connections = connections;
    this.#log = log;
  }

  /**
   * @param secured told each connection whose handshake is over, and its number.
   * @param maxVersion of TLS. @param ciphers of TLS 1.3.
   */
  static async listen(
    secured: (plain: TLSSocket, index: number) => void,
    options: { readonly maxVersion?: 'TLSv1.2' | 'TLSv1.3'; readonly ciphers?: string } = {},
  ): Promise<RecordsPeer> {
    const both = await usualTls();
    const { ca, own: pair } = x509(both.server.credentials);
    const server = createServer({ ca, ...pair, requestCert: true, rejectUnauthorized: false, ...options });
    const log = new KeyLog();
    let count = 0;
    server.on('keylog', (text: Buffer) => log.add(text));
    server.on('tlsClientError', () => {});
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    const address = server.address();
    const port = address !== null && typeof address === 'object' ? address.port : 0;
    const seen = await line(`tcp:127.0.0.1:${port}`);
    const peer = new RecordsPeer(both, seen.address, seen.connections, log);
    server.on('secureConnection', (plain: TLSSocket) => {
      plain.on('error', () => {});
      onTestFinished(() => void plain.destroy());
      peer.#suite = plain.getCipher().standardName;
      secured(plain, count++);
    });
    return peer;
  }

  /** What the client has sent on its connection of this number behind the handshake. @throws as `openSent`. */
  sent(index: number): readonly SentRecord[] {
    const sent = this.#bytes(index);
    const secrets = this.#log.of(sent);
    return secrets === undefined ? [] : openSent(sent, this.#suite, secrets);
  }

  /** Resolves when all that the client has sent on its connection of this number is here: it has ended, or broken. */
  async closed(index: number): Promise<void> {
    const connection = this.connections[index];
    if (connection === undefined) return;
    const { from, to } = connection;
    if (from.readableEnded || from.destroyed) return;
    // What nobody takes any more is read all the same. Its pipe pauses it at that.
    const readOn = (): void => void setImmediate(() => from.resume());
    if (to.destroyed) readOn();
    else to.once('close', readOn);
    const end = new Promise<void>((resolve) => {
      from.once('end', resolve);
      from.once('close', () => resolve());
    });
    await inTime(end, 'the connection');
  }

  /** Writes a record of the test's making, as this end's TLS would. */
  write(index: number, type: number, content: Buffer): void {
    const secret = this.#log.of(this.#bytes(index))?.get(SERVER_SECRET);
    const connection = this.connections[index];
    const opener = secret && RecordOpener.of(this.#suite, secret);
    if (connection === undefined || secret === undefined || opener === undefined)
      throw new Error('no secret');
    const { records } = splitRecords(Buffer.concat(connection.answered));
    const before = records.filter((record) => opener.open(record) !== undefined).length;
    connection.from.write(sealed(this.#suite, secret, before, type, content));
  }

  #bytes(index: number): Buffer {
    return Buffer.concat(this.connections[index]?.sent ?? []);
  }
}

function x509(credentials: ClientTls['credentials'] | { readonly kind: string }): X509Credentials {
  if (!('ca' in credentials)) throw new Error('not certificates');
  return credentials;
}

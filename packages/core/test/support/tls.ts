import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { type ClientTls, loadTlsCredentials, type ServerTls, type X509Credentials } from '@multifd/core';
import { usualCredentials } from '@multifd/testing/certificates';
import { onTestFinished } from 'vitest';

/** A folder of this test's. */
export function testFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tls-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Both ends' TLS, from one folder. */
export function bothEnds(dir: string): { readonly client: ClientTls; readonly server: ServerTls } {
  return {
    client: { credentials: loadTlsCredentials({ dir, endpoint: 'client' }) },
    server: { credentials: loadTlsCredentials({ dir, endpoint: 'server' }) },
  };
}

/** Certificates that fit, for 127.0.0.1. */
export async function usualTls(): Promise<ReturnType<typeof bothEnds>> {
  return bothEnds(await usualCredentials(testFolder()));
}

/** One connection through a `Line`. */
export interface Recorded {
  /** Bytes of the source and of the destination. */
  readonly sent: Buffer[];
  readonly answered: Buffer[];
  readonly from: Socket;
  readonly to: Socket;
}

/** A line to `address` that records all bytes, and whose connections the test can cut. */
export async function line(address: string): Promise<{
  readonly address: string;
  readonly connections: readonly Recorded[];
}> {
  const [, port = ''] = /:(\d+)$/.exec(address) ?? [];
  const connections: Recorded[] = [];
  const server = createServer({ allowHalfOpen: true }, (from) => {
    const to = connect({ host: '127.0.0.1', port: Number(port), allowHalfOpen: true });
    const recorded: Recorded = { sent: [], answered: [], from, to };
    connections.push(recorded);
    from.on('data', (chunk: Buffer) => recorded.sent.push(chunk));
    to.on('data', (chunk: Buffer) => recorded.answered.push(chunk));
    for (const socket of [from, to]) {
      socket.on('error', () => socket.destroy());
      onTestFinished(() => void socket.destroy());
    }
    from.pipe(to).pipe(from);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const own = server.address();
  return {
    address: `tcp:127.0.0.1:${own !== null && typeof own === 'object' ? own.port : 0}`,
    connections,
  };
}

/** A source that the test speaks for, under TLS. */
export class RawTlsSource {
  readonly #port: number;
  readonly #credentials: X509Credentials;
  readonly #maxVersion: 'TLSv1.2' | 'TLSv1.3';

  constructor(address: string, { credentials }: ClientTls, maxVersion: 'TLSv1.2' | 'TLSv1.3' = 'TLSv1.3') {
    this.#maxVersion = maxVersion;
    this.#port = Number(/:(\d+)$/.exec(address)?.[1]);
    if (credentials.kind !== 'x509') throw new Error('not certificates');
    this.#credentials = credentials;
  }

  /** A connection that has done its handshake and sent `bytes`. It does not check who is there. */
  async open(...bytes: readonly Uint8Array[]): Promise<TLSSocket> {
    const { ca, own } = this.#credentials;
    const socket = connectTls({
      host: '127.0.0.1',
      port: this.#port,
      ca,
      ...own,
      rejectUnauthorized: false,
      maxVersion: this.#maxVersion,
    });
    socket.on('error', () => {});
    onTestFinished(() => void socket.destroy());
    await once(socket, 'secureConnect');
    socket.resume();
    for (const part of bytes) socket.write(part);
    return socket;
  }
}

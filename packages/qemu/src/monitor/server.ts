import { createServer, type Server, type Socket } from 'node:net';
import { isLoopback, listenAt, MultifdError } from '@multifd/core';
import type { QmpAddress } from '../qmp/connect.js';
import { type Execute, MonitorSession } from './session.js';

/** Clients at a time; a further one is closed at once. */
const MOST_CLIENTS = 16;
/** Bytes of a command. */
const LONGEST_COMMAND = 2 ** 20;

/** What a client is greeted with, and gets from `query-version`. */
export interface MonitorVersion {
  /** The QEMU whose commands, names and answers these are. */
  readonly qemu: { readonly major: number; readonly minor: number; readonly micro: number };
  /** Whoever it really is, as `multifd 0.1.0`. */
  readonly package: string;
}

/** Speaks QMP to any number of clients (QEMU's docs/interop/qmp-spec), without its out-of-band commands. */
export class MonitorServer {
  readonly #server: Server;
  readonly #sessions = new Set<MonitorSession>();
  /** Where it listens, with the port that was chosen. */
  readonly address: QmpAddress;

  private constructor(server: Server, address: QmpAddress, version: MonitorVersion, execute: Execute) {
    this.#server = server;
    this.address = address;
    const greeting = { QMP: { version, capabilities: [] } };
    server.on('connection', (socket: Socket) => {
      if (this.#sessions.size >= MOST_CLIENTS) {
        socket.destroy();
        return;
      }
      const session = new MonitorSession(socket, greeting, LONGEST_COMMAND, execute);
      this.#sessions.add(session);
      socket.once('close', () => this.#sessions.delete(session));
    });
  }

  /**
   * Listens. A unix socket is for this user alone; TCP is for a loopback address, since there is no password.
   * @throws MultifdError `usage` or `io` if it cannot listen there.
   */
  static async listen(
    address: QmpAddress,
    version: MonitorVersion,
    execute: Execute,
  ): Promise<MonitorServer> {
    if ('host' in address && !isLoopback({ kind: 'tcp', ...address })) {
      throw new MultifdError('usage', `QMP: ${address.host} is no loopback address`, {
        hint: 'whoever reaches a monitor steers the guest: use unix:PATH, or tcp:127.0.0.1:PORT',
      });
    }
    const server = createServer();
    const place =
      'path' in address ? ({ kind: 'unix', ...address } as const) : ({ kind: 'tcp', ...address } as const);
    const port = await listenAt(server, place);
    return new MonitorServer(
      server,
      'path' in address ? address : { host: address.host, port },
      version,
      execute,
    );
  }

  /** Tells every client of an event. */
  tell(event: string, data?: object): void {
    const now = Date.now() * 1000;
    const timestamp = { seconds: Math.floor(now / 1e6), microseconds: now % 1e6 };
    for (const session of this.#sessions)
      session.tell({ timestamp, event, ...(data === undefined ? {} : { data }) });
  }

  /** Listens no more, and closes all clients once they have what was sent. */
  close(): void {
    this.#server.close();
    for (const session of this.#sessions) session.end();
  }
}

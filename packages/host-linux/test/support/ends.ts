import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { HostBlockDescriptor } from '@multifd/core';
import type { Interrupt, QueueLimits } from '@multifd/core/host';
import { socketIo } from '../../src/index.js';
import { folder } from './memory.js';

const FIXTURE = new URL('../fixtures/end.mjs', import.meta.url);

/** What a call came to. */
export interface Outcome {
  readonly ok?: unknown;
  readonly code?: string;
  readonly message?: string;
  readonly ms: number;
}

export interface Call {
  readonly do: 'send' | 'receive' | 'receiveAll' | 'close';
  /** Offset and length: of memory, or of a series of bytes where there is none. */
  readonly pieces?: readonly (readonly [number, number])[];
  readonly timeout?: number;
}

/** A worker with one end of a connection that blocks it. */
export class End {
  readonly #worker: Worker;

  constructor(worker: Worker) {
    this.#worker = worker;
  }

  async call(call: Call): Promise<Outcome> {
    const answer = once(this.#worker, 'message');
    this.#worker.postMessage(call);
    const [outcome] = await answer;
    return outcome;
  }

  /** Ends the worker wherever it is. */
  async end(): Promise<void> {
    await this.#worker.terminate();
  }
}

/** A connection: one end blocks a worker, the other is this thread's, paused. */
export interface Pair {
  readonly blocking: End;
  readonly other: Socket;
  readonly interrupt: Interrupt;
  close(): Promise<void>;
}

/** What carries it; `limited`: little waits in the kernel. */
export type PairKind = 'tcp' | 'tcp, limited' | 'unix';

const LIMITS: QueueLimits = { unsent: 64 * 1024, unread: 256 * 1024 };

let sockets = 0;

/** Listens on loopback, or on a unix socket. */
export async function listen(
  kind: PairKind,
): Promise<{ server: Server; to: { port: number } | { path: string } }> {
  const server = createServer({ pauseOnConnect: true });
  const path = join(folder, `socket-${sockets++}`);
  server.listen(kind === 'unix' ? path : { host: '127.0.0.1', port: 0 });
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return { server, to: kind === 'unix' ? { path } : { port } };
}

export async function blockingEnd(
  to: object,
  interrupt: Interrupt,
  descriptor?: HostBlockDescriptor,
  limits?: QueueLimits,
): Promise<End> {
  const worker = new Worker(FIXTURE, { workerData: { to, interrupt: interrupt.id, descriptor, limits } });
  await once(worker, 'message');
  return new End(worker);
}

export async function connectPair(kind: PairKind, descriptor?: HostBlockDescriptor): Promise<Pair> {
  const { server, to } = await listen(kind);
  const interrupt = socketIo.createInterrupt();
  const connected = once(server, 'connection');
  const limits = kind === 'tcp, limited' ? LIMITS : undefined;
  const blocking = await blockingEnd(to, interrupt, descriptor, limits);
  const [other]: Socket[] = await connected;
  if (other === undefined) throw new Error('no connection');
  other.on('error', () => {});
  return {
    blocking,
    other,
    interrupt,
    async close() {
      interrupt.fire();
      await blocking.end();
      other.destroy();
      server.close();
      interrupt.close();
    },
  };
}

import type { Socket } from 'node:net';
import { formatQmpAddress, openMonitor, type QmpAddress } from './connect.js';
import { QmpError } from './error.js';
import { LineSplitter } from './lines.js';
import { parseMessage, type QemuVersion, type QmpEvent, type QmpMessage } from './messages.js';

/** ms for an answer, unless a command says otherwise. */
const DEFAULT_TIMEOUT = 30_000;

export interface QmpOptions {
  /** ms for connecting and the greeting, and for each answer, 1 to 2^31-1. Default 30 s. */
  readonly timeout?: number;
}

interface Pending {
  readonly command: string;
  readonly settle: PromiseWithResolvers<unknown>;
  readonly timer: NodeJS.Timeout;
}

/**
 * A connection to a QEMU's monitor. Commands may be given at any time; each has a time limit, since a QEMU that
 * waits for a migration source may answer nothing at all (docs/wire.md, 1 and 4.5).
 */
export class QmpClient {
  /** Where the monitor is: for messages. */
  readonly where: string;
  readonly #socket: Socket;
  readonly #timeout: number;
  readonly #lines = new LineSplitter();
  readonly #pending = new Map<number, Pending>();
  readonly #listeners = new Set<(event: QmpEvent) => void>();
  readonly #closed = Promise.withResolvers<QmpError>();
  readonly #greeted = Promise.withResolvers<QemuVersion>();
  #failure: QmpError | undefined;
  #nextId = 1;
  #version: QemuVersion = { major: 0, minor: 0, micro: 0, package: '' };

  private constructor(socket: Socket, where: string, timeout: number) {
    this.where = where;
    this.#socket = socket;
    this.#timeout = timeout;
    this.#greeted.promise.catch(() => {});
    socket.on('data', (chunk: Uint8Array) => this.#receive(chunk));
    socket.on('error', (cause) =>
      this.#fail(new QmpError('closed', `QMP ${where}: ${cause.message}`, { cause })),
    );
    socket.on('close', () => this.#fail(new QmpError('closed', `QMP ${where}: the monitor closed it`)));
  }

  /**
   * Connects, reads the greeting and leaves negotiation mode.
   * @throws QmpError `closed`, `timeout` or `protocol`.
   */
  static async connect(address: QmpAddress, options: QmpOptions = {}): Promise<QmpClient> {
    const timeout = options.timeout ?? DEFAULT_TIMEOUT;
    const where = formatQmpAddress(address);
    const client = new QmpClient(await openMonitor(address, timeout), where, timeout);
    const late = setTimeout(
      () => client.#fail(new QmpError('timeout', `QMP ${where}: no greeting within ${timeout} ms`)),
      timeout,
    );
    try {
      client.#version = await client.#greeted.promise;
      await client.execute('qmp_capabilities');
      return client;
    } catch (error) {
      client.close();
      throw error;
    } finally {
      clearTimeout(late);
    }
  }

  get version(): QemuVersion {
    return this.#version;
  }

  /** Fulfilled with the reason when the connection is over; never rejected. */
  get closed(): Promise<QmpError> {
    return this.#closed.promise;
  }

  /**
   * Runs a command and gives its answer as it came; see `commands.ts` for typed ones.
   * @param options.timeout ms for the answer. A command that timed out may still take effect.
   * @throws QmpError `refused` with QEMU's own words, `timeout`, `closed`.
   */
  async execute(
    command: string,
    args?: object,
    options: { readonly timeout?: number } = {},
  ): Promise<unknown> {
    if (this.#failure !== undefined) throw this.#ended(command, this.#failure);
    const id = this.#nextId++;
    const timeout = options.timeout ?? this.#timeout;
    const settle = Promise.withResolvers<unknown>();
    const timer = setTimeout(() => {
      this.#pending.delete(id);
      settle.reject(
        new QmpError('timeout', `QMP ${this.where}: ${command}: no answer within ${timeout} ms`, { command }),
      );
    }, timeout);
    this.#pending.set(id, { command, settle, timer });
    const request = { execute: command, id, ...(args === undefined ? {} : { arguments: args }) };
    this.#socket.write(`${JSON.stringify(request)}\n`);
    return settle.promise;
  }

  /** Calls `listener` for each event from now on; the result ends that. A listener must not throw. */
  onEvent(listener: (event: QmpEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * The next event from now on that is called `name` and passes `accepts`. Ask before giving the command that
   * causes it.
   * @param timeout ms, default as for commands. @throws QmpError `timeout` or `closed`.
   */
  async waitForEvent(
    name: string,
    accepts: (event: QmpEvent) => boolean = () => true,
    timeout = this.#timeout,
  ): Promise<QmpEvent> {
    const found = Promise.withResolvers<QmpEvent>();
    const stop = this.onEvent((event) => {
      if (event.event === name && accepts(event)) found.resolve(event);
    });
    const timer = setTimeout(
      () =>
        found.reject(
          new QmpError('timeout', `QMP ${this.where}: no such event ${name} within ${timeout} ms`),
        ),
      timeout,
    );
    this.#closed.promise.then((reason) => found.reject(this.#ended(`event ${name}`, reason)));
    try {
      return await found.promise;
    } finally {
      clearTimeout(timer);
      stop();
    }
  }

  /** Drops the connection; QEMU goes on. What is pending is rejected. May be called twice. */
  close(): void {
    this.#fail(new QmpError('closed', `QMP ${this.where}: closed on this end`));
  }

  #receive(chunk: Uint8Array): void {
    try {
      for (const line of this.#lines.push(chunk)) this.#dispatch(parseMessage(line));
    } catch (error) {
      this.#fail(
        error instanceof QmpError
          ? error
          : new QmpError('protocol', `QMP ${this.where}: ${error}`, { cause: error }),
      );
    }
  }

  #dispatch(message: QmpMessage): void {
    switch (message.type) {
      case 'greeting':
        this.#greeted.resolve(message.version);
        break;
      case 'event':
        for (const listener of [...this.#listeners]) listener(message.event);
        break;
      case 'return':
        this.#take(message.id)?.settle.resolve(message.value);
        break;
      case 'error':
        // Without an id QEMU complains about bytes that it could not read.
        if (message.id === undefined) throw new QmpError('protocol', `QMP ${this.where}: ${message.desc}`);
        this.#refuse(message.id, message);
    }
  }

  #refuse(id: number, { class: kind, desc }: { readonly class: string; readonly desc: string }): void {
    const pending = this.#take(id);
    if (pending === undefined) return;
    const { command, settle } = pending;
    const text = `QMP ${this.where}: ${command}: ${desc}`;
    settle.reject(new QmpError('refused', text, { command, class: kind, desc }));
  }

  /** The command that an answer belongs to; undefined if it has timed out. */
  #take(id: number | undefined): Pending | undefined {
    const pending = id === undefined ? undefined : this.#pending.get(id);
    if (id === undefined || pending === undefined) return undefined;
    this.#pending.delete(id);
    clearTimeout(pending.timer);
    return pending;
  }

  #ended(command: string, reason: QmpError): QmpError {
    return new QmpError(reason.code, `${reason.message} (${command})`, { command, cause: reason });
  }

  #fail(error: QmpError): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.#socket.destroy();
    this.#greeted.reject(error);
    for (const { command, settle, timer } of this.#pending.values()) {
      clearTimeout(timer);
      settle.reject(this.#ended(command, error));
    }
    this.#pending.clear();
    this.#closed.resolve(error);
  }
}

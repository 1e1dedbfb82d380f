import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { PassThrough } from 'node:stream';

/** First bytes of a connection to a destination: main, or a channel with its number. */
export interface Opened {
  readonly channel: number | undefined;
}

/** Length of an init packet up to the channel's number. */
const ENOUGH = 25;

/** More than a guest of these tests has: a source never waits for what is held back. */
const ROOM = 2 ** 30;

/**
 * A forwarder between an honest source and a destination that holds some of its connections back until `release`, with
 * all that comes on them.
 */
export class HoldingLine {
  readonly #server: Server;
  readonly #port: number;
  readonly #holds: (opened: Opened) => boolean;
  readonly #sockets: Socket[] = [];
  #held: (() => void)[] = [];
  #passed = 0;
  #onPassed: (() => void) | undefined;
  #isReleased = false;

  private constructor(port: number, holds: (opened: Opened) => boolean) {
    this.#port = port;
    this.#holds = holds;
    this.#server = createServer({ noDelay: true, allowHalfOpen: true }, (near) => this.#join(near));
  }

  /**
   * @param address `tcp:127.0.0.1:PORT` of the destination.
   * @param holds which connections the destination does not see.
   */
  static async open(address: string, holds: (opened: Opened) => boolean): Promise<HoldingLine> {
    const line = new HoldingLine(Number(address.split(':').at(-1)), holds);
    line.#server.listen(0, '127.0.0.1');
    await once(line.#server, 'listening');
    return line;
  }

  get address(): string {
    const bound = this.#server.address();
    return `tcp:127.0.0.1:${bound !== null && typeof bound === 'object' ? bound.port : 0}`;
  }

  /** Resolves when the destination has so many of the connections. */
  async passed(count: number): Promise<void> {
    while (this.#passed < count)
      await new Promise<void>((resolve) => {
        this.#onPassed = resolve;
      });
  }

  /** Lets through what was held back. */
  release(): void {
    this.#isReleased = true;
    for (const pass of this.#held.splice(0)) pass();
  }

  /** Drops everything. */
  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #join(near: Socket): void {
    this.#sockets.push(near);
    near.on('error', () => near.destroy());
    let head = Buffer.alloc(0);
    const look = (chunk: Buffer): void => {
      head = Buffer.concat([head, chunk]);
      if (head.length < ENOUGH) return;
      near.off('data', look);
      const store = new PassThrough({ highWaterMark: ROOM });
      store.write(head);
      near.pipe(store);
      const channel = head[0] === 0x51 ? undefined : head[ENOUGH - 1];
      const pass = (): void => this.#pass(near, store);
      if (!this.#isReleased && this.#holds({ channel })) this.#held.push(pass);
      else pass();
    };
    near.on('data', look);
  }

  #pass(near: Socket, store: PassThrough): void {
    const far = connect({ host: '127.0.0.1', port: this.#port, noDelay: true, allowHalfOpen: true });
    this.#sockets.push(far);
    far.once('connect', () => {
      this.#passed++;
      this.#onPassed?.();
    });
    store.pipe(far).pipe(near);
    far.on('error', () => near.destroy());
    far.on('close', () => near.destroy());
    near.on('close', () => far.destroy());
  }
}

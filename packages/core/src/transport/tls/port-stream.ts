import { Duplex } from 'node:stream';
import type { MessagePort } from 'node:worker_threads';
import { MultifdError } from '../../errors.js';
import type { DetachedTls, FromTerminal, ToTerminal } from './messages.js';

/** Bytes that may be on their way to this end, and wait here. */
const WINDOW = 2 ** 20;

/** How a connection ended before its port was handed over: the port itself does not say it again. */
export type PortEnd = 'said' | 'cut';

/** What is known of a connection when its port is handed over. */
export interface PortState {
  /** It has ended before; undefined: it has not. */
  readonly ended?: PortEnd | undefined;
  /** Of TLS 1.3: its cipher suite, by IANA's name. */
  readonly suite?: string | undefined;
}

/** What comes of taking a connection over: it has ended, and there is nothing to take over; or it stays where it is. */
export type Detached = DetachedTls | 'over' | 'stays';

/** The decrypted side of an incoming TLS connection, in whatever thread: used as the socket would be. */
export class PortStream extends Duplex {
  /** Of TLS 1.3: the cipher suite, by IANA's name. */
  readonly suite: string | undefined;
  readonly #port: MessagePort;
  /** Bytes that have arrived and were not asked for again. */
  #owed = WINDOW;
  #bytesRead = 0;
  #cut = false;
  /** The peer sends no more. */
  #isOver = false;
  /** The other end was told that no more is written. */
  #ended = false;
  readonly #taken: (() => void)[] = [];
  readonly #probes: (() => void)[] = [];
  #detached: ((answer: Detached) => void) | undefined;

  constructor(port: MessagePort, { ended, suite }: PortState = {}) {
    super({ allowHalfOpen: false, autoDestroy: false, highWaterMark: WINDOW });
    this.#port = port;
    this.suite = suite;
    port.on('message', (message: FromTerminal) => this.#take(message));
    port.on('close', () => this.destroy());
    if (ended !== undefined) this.#end(ended === 'cut');
  }

  get bytesRead(): number {
    return this.#bytesRead;
  }

  /** The peer has ended without saying so (no close_notify). Valid once the stream has ended. */
  get isCut(): boolean {
    return this.#cut;
  }

  /** Whoever has the socket keeps it alive. */
  setKeepAlive(): this {
    return this;
  }

  /** Resolves when this end knows what had arrived on the connection by now. */
  caughtUp(): Promise<void> {
    if (this.destroyed) return Promise.resolve();
    return new Promise((resolve) => {
      this.#probes.push(resolve);
      this.#post({ type: 'probe' });
    });
  }

  /**
   * Takes the rest of the connection over: then no more bytes come here than are buffered. Once only.
   */
  detach(): Promise<Detached> {
    if (this.#isOver) return Promise.resolve('over');
    if (this.destroyed) return Promise.resolve('stays');
    return new Promise((resolve) => {
      this.#detached = resolve;
      this.#post({ type: 'detach' });
    });
  }

  /** Nobody will take the connection over: nothing need be kept for that. */
  stays(): void {
    if (!this.destroyed) this.#post({ type: 'stays' });
  }

  override _read(): void {
    if (this.#owed === 0) return;
    this.#post({ type: 'more', bytes: this.#owed });
    this.#owed = 0;
  }

  override _write(bytes: Uint8Array, _encoding: BufferEncoding, done: () => void): void {
    this.#taken.push(done);
    this.#post({ type: 'write', bytes: Uint8Array.from(bytes) });
  }

  override _final(done: () => void): void {
    this.#ended = true;
    this.#post({ type: 'end' });
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    for (const resolve of this.#probes.splice(0)) resolve();
    this.#stay();
    // It waits behind a write that is on its way: what was written before it still goes out.
    if (this.writableEnded && !this.#ended) this.#post({ type: 'end' });
    this.#post({ type: 'destroy' });
    this.#port.close();
    done(error);
  }

  #take(message: FromTerminal): void {
    switch (message.type) {
      case 'bytes':
        for (const chunk of message.chunks) {
          this.#bytesRead += chunk.length;
          this.#owed += chunk.length;
          this.push(chunk);
        }
        return;
      case 'ended':
        this.#end(message.cut);
        return;
      case 'broken':
        this.destroy(new Error(message.message));
        return;
      case 'taken':
        this.#taken.shift()?.();
        return;
      case 'detached': {
        const resolve = this.#detached;
        this.#detached = undefined;
        resolve?.(message.session ?? 'stays');
        return;
      }
      case 'probed':
        this.#probes.shift()?.();
        return;
      case 'closed':
        this.destroy();
        return;
      case 'refused':
        this.destroy(MultifdError.fromReport(message.reason));
        return;
      case 'secure':
        return;
    }
  }

  #end(cut: boolean): void {
    this.#cut = cut;
    this.#isOver = true;
    this.#stay();
    this.push(null);
  }

  /** There is nothing to take over any more. */
  #stay(): void {
    this.#detached?.(this.#isOver ? 'over' : 'stays');
    this.#detached = undefined;
  }

  #post(message: ToTerminal): void {
    this.#port.postMessage(message);
  }
}

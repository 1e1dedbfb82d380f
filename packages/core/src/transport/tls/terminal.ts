import type { Socket } from 'node:net';
import { createServer, type TLSSocket } from 'node:tls';
import type { MessagePort, Transferable } from 'node:worker_threads';
import { MultifdError } from '../../errors.js';
import { KEEP_ALIVE } from '../keep-alive.js';
import { serverOptions } from './contexts.js';
import type { ServerTls } from './credentials.js';
import { DecryptedQueue } from './decrypted-queue.js';
import { handshakeFault, tlsReason } from './faults.js';
import { notTls, PLAIN_ALERT } from './first-bytes.js';
import { type DetachedTls, FIRST_WINDOW, type FromTerminal, type ToTerminal } from './messages.js';
import { judgeClient } from './peer.js';
import { RawSide } from './raw-side.js';
import { ReceivingHandover } from './receiving-handover.js';

/** Decrypted bytes that wait for the end that reads before this one stops reading. */
const HIGH_WATER = 512 * 1024;
/** Turns of the event loop within which bytes and an end that had arrived are reported. */
const PROBING = 8;
/** ms that a client may take to close after it was told that this end speaks TLS; that what was written may take to leave. */
const LEAVING = 500;

/**
 * Ends TLS on one incoming connection: does the handshake, judges the client, and passes decrypted bytes on by a port,
 * to whatever thread holds its other end. The bytes stay in this process's memory: no socket carries them in the clear.
 */
export class TlsTerminal {
  readonly #socket: Socket;
  readonly #tls: ServerTls;
  readonly #port: MessagePort;
  readonly #handover: ReceivingHandover;
  readonly #closed: () => void;
  readonly #timer: NodeJS.Timeout;
  #raw: RawSide | undefined;
  #plain: TLSSocket | undefined;
  #isSecure = false;
  #detached = false;
  readonly #queue = new DecryptedQueue(FIRST_WINDOW);
  #flushing = false;
  #told = false;
  #ending = false;
  #over = false;
  /** A word in the clear is on its way. */
  #leaving = false;

  /**
   * @param timeout ms that the handshake may take.
   * @param suites with which whoever reads may want to decrypt by himself; none: he does not.
   * @param closed called once everything is closed.
   */
  constructor(
    socket: Socket,
    tls: ServerTls,
    timeout: number,
    port: MessagePort,
    suites: readonly string[],
    closed: () => void,
  ) {
    this.#socket = socket;
    this.#tls = tls;
    this.#port = port;
    this.#handover = new ReceivingHandover(suites);
    this.#closed = closed;
    socket.allowHalfOpen = true;
    socket.setNoDelay();
    socket.setKeepAlive(KEEP_ALIVE);
    socket.on('error', (cause) => this.#broke(cause));
    socket.on('close', () => this.#close());
    port.on('message', (message: ToTerminal) => this.#take(message));
    port.on('close', () => this.#drop());
    this.#timer = setTimeout(() => {
      const what = this.#raw === undefined ? 'it is silent: no TLS handshake' : 'no TLS handshake';
      this.#refuse(new MultifdError('timeout', `${what} within ${timeout} ms`));
    }, timeout);
    this.#awaitFirst();
  }

  /** Looks at what comes first, so that a client without TLS is told apart. */
  #awaitFirst(): void {
    const look = (): void => {
      const first: unknown = this.#socket.read();
      if (!Buffer.isBuffer(first)) return;
      this.#socket.off('readable', look);
      this.#socket.off('end', ended);
      const foreign = notTls(first);
      // A multifd source that is refused names TLS when it reads this.
      if (foreign === undefined) this.#shakeHands(first);
      else this.#refuse(foreign, PLAIN_ALERT);
    };
    const ended = (): void => this.#refuse(new MultifdError('peer-closed', 'closed without a byte'));
    this.#socket.on('readable', look);
    this.#socket.once('end', ended);
  }

  #shakeHands(first: Buffer): void {
    const raw = new RawSide(this.#socket, first, () => this.#rawEnded(), this.#handover.isWanted);
    this.#raw = raw;
    let user: string | undefined;
    const server = createServer(
      serverOptions(this.#tls, (identity) => {
        user = identity;
      }),
    );
    if (this.#handover.isWanted) server.on('keylog', (line: Buffer) => this.#handover.hear(line));
    server.on('tlsClientError', (cause) => this.#refuse(handshakeFault(cause, 'it')));
    server.on('secureConnection', (plain) => this.#secured(plain, user));
    raw.on('error', () => {});
    server.emit('connection', raw);
    this.#socket.resume();
  }

  #secured(plain: TLSSocket, user: string | undefined): void {
    this.#plain = plain;
    if (plain.getProtocol() === 'TLSv1.3') this.#raw?.hold();
    else this.#handover.forget(this.#raw);
    plain.on('error', (cause) => this.#broke(cause));
    try {
      const peer = judgeClient(plain, this.#tls, user);
      clearTimeout(this.#timer);
      this.#isSecure = true;
      this.#post({ type: 'secure', peer });
    } catch (cause) {
      this.#refuse(MultifdError.from(cause, 'internal', 'TLS'));
      return;
    }
    plain.on('data', (chunk: Buffer) => {
      if (this.#detached) return;
      this.#queue.add(chunk);
      if (this.#queue.waiting > HIGH_WATER) plain.pause();
      this.#flushSoon();
    });
    plain.on('end', () => {
      if (this.#detached) return;
      this.#told = true;
      this.#flush();
    });
  }

  /** One message for all that one turn of the event loop brings. */
  #flushSoon(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    setImmediate(() => {
      this.#flushing = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#detached) return;
    const { chunks, transfer } = this.#queue.take();
    if (chunks.length > 0) this.#post({ type: 'bytes', chunks }, transfer);
    if (this.#queue.waiting <= HIGH_WATER) this.#plain?.resume();
    if (this.#queue.waiting > 0 || this.#ending) return;
    if (this.#told) this.#sayEnded(false);
    else if (this.#raw?.isSpent) this.#rawEnded();
  }

  /**
   * The socket has ended. If close_notify was in its last bytes, TLS says so within this and the next turn of the event
   * loop.
   */
  #rawEnded(): void {
    if (this.#detached) return;
    setImmediate(() =>
      setImmediate(() => {
        if (!this.#isSecure) {
          const what = 'it closed the connection in the middle of the TLS handshake';
          const hint = "see the source's own message: it may not accept this end's credentials";
          this.#refuse(new MultifdError('peer-closed', what, { hint }));
        } else if (!this.#told && this.#queue.waiting === 0 && this.#raw?.isSpent) {
          if ((this.#plain?.readableLength ?? 0) === 0) this.#sayEnded(true);
        }
      }),
    );
  }

  #sayEnded(cut: boolean): void {
    if (this.#ending) return;
    this.#ending = true;
    this.#post({ type: 'ended', cut });
  }

  #take(message: ToTerminal): void {
    if (message.type === 'more') {
      this.#queue.widen(message.bytes);
      this.#flush();
    } else if (message.type === 'write') {
      this.#raw?.release();
      this.#plain?.write(message.bytes, () => this.#post({ type: 'taken' }));
    } else if (message.type === 'end') this.#finish();
    else if (message.type === 'probe') this.#probe();
    else if (message.type === 'detach') this.#detach();
    else if (message.type === 'stays') this.#handover.forget(this.#raw);
    else this.#drop();
  }

  /** Lets whoever reads decrypt by himself, if he can; this end still writes, and closes. */
  #detach(): void {
    const session = this.#session();
    this.#post(session === undefined ? { type: 'detached' } : { type: 'detached', session });
    this.#handover.forget(this.#raw);
  }

  #session(): DetachedTls | undefined {
    const [plain, raw] = [this.#plain, this.#raw];
    if (plain === undefined || raw === undefined || this.#over || this.#ending) return undefined;
    const left = this.#handover.leave(plain, raw);
    if (left === undefined) return undefined;
    this.#detached = true;
    this.#queue.drop();
    return { ...left, taken: this.#queue.passed };
  }

  #finish(): void {
    // Whoever took over reads no more, and the client may not be done.
    if (this.#detached) this.#raw?.drain();
    if (this.#plain === undefined) this.#socket.end();
    else this.#plain.end();
  }

  /** Reads on until what had arrived is reported: one turn of the event loop reads the socket, others pass it on. */
  #probe(): void {
    let turns = PROBING;
    const turn = (): void => {
      if (--turns > 0) setImmediate(turn);
      else this.#post({ type: 'probed' });
    };
    turn();
  }

  /** Closes. What was written before an `end` gets a moment to leave. */
  #drop(): void {
    clearTimeout(this.#timer);
    if (this.#leaving) return;
    const plain = this.#plain;
    const isLeaving = plain?.writableEnded === true && !plain.writableFinished && !plain.destroyed;
    if (!isLeaving) {
      this.#socket.destroy();
      return;
    }
    const timer = setTimeout(() => this.#socket.destroy(), LEAVING);
    plain.once('finish', () => {
      clearTimeout(timer);
      this.#socket.destroy();
    });
  }

  /** @param word what the client gets in the clear. */
  #refuse(reason: MultifdError, word?: Uint8Array): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#timer);
    this.#post({ type: 'refused', reason: reason.toReport() });
    if (word === undefined || this.#socket.destroyed) {
      this.#socket.destroy();
      return;
    }
    this.#leaving = true;
    const timer = setTimeout(() => this.#socket.destroy(), LEAVING);
    this.#socket.once('close', () => clearTimeout(timer));
    this.#socket.once('end', () => this.#socket.destroy());
    this.#socket.end(word);
    // Closing with unread bytes would reset the connection, and the reset overtake the word.
    this.#socket.resume();
  }

  #broke(cause: Error): void {
    if (this.#detached) return;
    if (!this.#isSecure) this.#refuse(handshakeFault(cause, 'it'));
    else if (!this.#over) {
      this.#over = true;
      this.#post({ type: 'broken', message: tlsReason(cause) });
    }
    this.#socket.destroy();
  }

  /** The socket is closed. */
  #close(): void {
    clearTimeout(this.#timer);
    if (!this.#isSecure && !this.#over)
      this.#refuse(new MultifdError('peer-closed', 'closed before the TLS handshake was over'));
    this.#plain?.destroy();
    this.#handover.forget(this.#raw);
    this.#post({ type: 'closed' });
    this.#port.close();
    this.#closed();
  }

  #post(message: FromTerminal, transfer: readonly Transferable[] = []): void {
    this.#port.postMessage(message, [...transfer]);
  }
}

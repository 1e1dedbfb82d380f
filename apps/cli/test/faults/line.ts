import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { Answers } from './answers.ts';

/** What a line does not carry on: the bytes of the channels; the destination's answer; what follows that; anything. */
export type Hold = 'nothing' | 'channels' | 'answer' | 'behind the answer' | 'everything';

/** One direction of one connection. */
class Flow {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #isHeld: () => boolean;
  #isFull = false;
  /** How its sender has ended, as long as that is held: Node tells it of a stream that is paused, too. */
  #end: 'closed' | 'reset' | undefined;

  /** @param pass what of the bytes may go on now. */
  constructor(from: Socket, to: Socket, isHeld: () => boolean, pass: (bytes: Buffer) => Buffer) {
    this.#from = from;
    this.#to = to;
    this.#isHeld = isHeld;
    this.look();
    from.on('data', (bytes: Buffer) => this.write(pass(bytes)));
    from.on('end', () => this.#over('closed'));
    // It was reset, or nobody is there any more.
    from.on('error', () => this.#over('reset'));
    to.on('drain', () => {
      this.#isFull = false;
      this.look();
    });
  }

  write(bytes: Buffer): void {
    if (bytes.length > 0 && !this.#to.write(bytes)) this.#isFull = true;
    this.look();
  }

  /** Reads on, or stops: what is held stays with the sender, as behind a network that loses all. */
  look(): void {
    const isHeld = this.#isHeld();
    if (isHeld || this.#isFull) this.#from.pause();
    else this.#from.resume();
    if (isHeld) return;
    if (this.#end === 'closed') this.#to.end();
    else if (this.#end === 'reset') this.#to.resetAndDestroy();
    this.#end = undefined;
  }

  #over(how: 'closed' | 'reset'): void {
    this.#end = how;
    this.look();
  }
}

/** A TCP proxy between two ends, which can hold, delay and cut what it carries. */
export class Line {
  readonly #server: Server;
  readonly #flows: Flow[] = [];
  readonly #sockets = new Set<Socket>();
  readonly #answers = new Answers();
  #backward: Flow | undefined;
  #connections = 0;
  #carried = 0;
  #hold: Hold = 'nothing';

  private constructor(server: Server, port: number) {
    this.#server = server;
    server.on('connection', (near: Socket) => this.#carry(near, port));
  }

  /** @param to address of the end that this line leads to. */
  static async open(to: string): Promise<Line> {
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true });
    const line = new Line(server, Number(to.split(':').at(-1)));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return line;
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  /** Connections so far, main among them. */
  get connections(): number {
    return this.#connections;
  }

  /** Bytes that have come from the source. */
  get carried(): number {
    return this.#carried;
  }

  /** The destination's answer has come this far, and is held here; or what follows it is. */
  get holdsAnswer(): boolean {
    return this.#answers.isHeld;
  }

  /** Connections that neither end has closed. */
  get open(): number {
    return this.#sockets.size;
  }

  hold(what: Hold): void {
    this.#hold = what;
    if (what !== 'everything') {
      const freed = this.#answers.limit(what);
      this.#backward?.write(freed);
    }
    for (const flow of this.#flows) flow.look();
  }

  /** Resets every connection, at both ends. */
  cut(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }

  #carry(near: Socket, port: number): void {
    const far = connect({ host: '127.0.0.1', port, allowHalfOpen: true, noDelay: true });
    for (const socket of [near, far]) {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    }
    // Every source connects main first (docs/wire.md, 1).
    const isMain = this.#connections++ === 0;
    const isHeld = (): boolean => this.#hold === 'everything' || (!isMain && this.#hold === 'channels');
    const isAnswerHeld = (): boolean => isHeld() || (isMain && this.#answers.isHeld);
    const whole = (bytes: Buffer): Buffer => bytes;
    near.on('data', ({ length }: Buffer) => {
      this.#carried += length;
    });
    const backward = new Flow(far, near, isAnswerHeld, isMain ? (bytes) => this.#answers.pass(bytes) : whole);
    this.#flows.push(new Flow(near, far, isHeld, whole), backward);
    if (isMain) this.#backward = backward;
  }
}

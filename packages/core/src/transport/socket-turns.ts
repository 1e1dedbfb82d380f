import { MultifdError } from '../errors.js';
import type { ThreadJobs } from '../thread/port.js';
import type { NonBlockingIo, NonBlockingSocket, Readiness, WaitingSocket } from './socket-io.js';

/** ms for which a job may go on without the others having had a turn, or the event loop. */
const LONGEST_STINT = 5;

/**
 * ms for which the thread waits for sockets while one of its jobs waits for something else (a message, a sync, a timer),
 * and for which it stays with one socket.
 */
const SHORT_WAIT = 1;

/** What became of a step: everything is done, or some bytes or none moved and the socket has to be waited for. */
export type Step = 'done' | 'moved' | 'waits';

/** What a job does with its socket. */
export interface SocketUse extends WaitingSocket {
  /** ms that may pass without a byte that moves; Infinity: no limit. */
  readonly limit: number;
  /**
   * Whether the thread stays with this socket while its peer keeps up, before others have their turn. That keeps what waits
   * in the kernel small, so that it is still in the cache when a peer on this machine reads it.
   */
  readonly stays: boolean;
  /** Whether the descriptor is still the socket's: else `step` throws, and nothing may wait for it. */
  isOpen(): boolean;
  /** Moves what can be moved at once. */
  step(): Step;
}

interface Waiting {
  readonly use: SocketUse;
  /** When a byte moved, ms. */
  since: number;
  readonly resolve: () => void;
  readonly reject: (cause: unknown) => void;
}

const known = new WeakMap<ThreadJobs, SocketTurns>();

/**
 * Lets the jobs of one thread use their sockets in turns. While all of them wait for a socket, the thread blocks until
 * one can go on, as a thread with one channel does. While one waits for anything else, the thread keeps looking.
 */
export class SocketTurns {
  readonly #jobs: ThreadJobs;
  readonly #io: NonBlockingIo;
  readonly #interrupt: number;
  #waiting: Waiting[] = [];
  #due: NodeJS.Immediate | undefined;
  /** When the event loop had its last turn, ms. */
  #loopTurn = Number.NEGATIVE_INFINITY;
  #turnsTaken = 0;
  /** When a job was last given the thread, ms. */
  #stint = performance.now();

  private constructor(jobs: ThreadJobs, io: NonBlockingIo, interrupt: number) {
    this.#jobs = jobs;
    this.#io = io;
    this.#interrupt = interrupt;
  }

  /** The turns of this thread. @param interrupt `Interrupt.id`: firing it ends all waits. */
  static of(jobs: ThreadJobs, io: NonBlockingIo, interrupt: number): SocketTurns {
    const found = known.get(jobs) ?? new SocketTurns(jobs, io, interrupt);
    known.set(jobs, found);
    return found;
  }

  /**
   * Steps at once, and then whenever the socket is ready, until everything is done.
   * @throws what `step` throws; MultifdError `timeout`, `peer-closed`, `cancelled` by the interrupt or `drop`, or `internal` if
   *   the socket is waited for already.
   */
  async run(use: SocketUse): Promise<void> {
    if (this.#waiting.some(({ use: { socket } }) => socket === use.socket)) {
      throw new MultifdError('internal', 'two calls wait for one socket');
    }
    if (performance.now() - this.#stint < LONGEST_STINT && this.#advance(use) === 'done') return;
    await new Promise<void>((resolve, reject) => {
      this.#waiting.push({ use, since: performance.now(), resolve, reject });
      this.#schedule();
    });
  }

  /** Ends the wait for a socket that is about to be closed. */
  drop(socket: NonBlockingSocket): void {
    for (const each of this.#waiting.filter(({ use }) => use.socket === socket)) {
      this.#end(each, () => each.reject(new MultifdError('cancelled', 'the socket was closed')));
    }
  }

  get #allWait(): boolean {
    return this.#waiting.length >= this.#jobs.running;
  }

  /**
   * The next turn comes when the event loop has had its own; without that, for a while, where nobody waits for what the loop
   * brings.
   */
  #schedule(): void {
    if (this.#allWait && performance.now() - this.#loopTurn < LONGEST_STINT) {
      clearImmediate(this.#due);
      this.#due = undefined;
      queueMicrotask(() => this.#turns());
    } else
      this.#due ??= setImmediate(() => {
        this.#due = undefined;
        this.#loopTurn = performance.now();
        this.#turns();
      });
  }

  #turns(): void {
    this.#turn();
    if (this.#waiting.length > 0) this.#schedule();
  }

  /** Waits for sockets until one job can go on, or for a short time if there are other things to wait for. */
  #turn(): void {
    for (;;) {
      // One that Node has closed has no descriptor to wait for any more.
      for (const each of [...this.#waiting]) if (!each.use.isOpen()) this.#step(each);
      const waiting = [...this.#waiting];
      if (waiting.length === 0) return;
      const blocks = this.#allWait;
      let states: readonly Readiness[];
      try {
        states = this.#wait(
          waiting.map(({ use }) => use),
          blocks ? patience(waiting) : SHORT_WAIT,
        );
      } catch (cause) {
        for (const each of waiting) this.#end(each, () => each.reject(cause));
        return;
      }
      const now = performance.now();
      // Who steps first goes on the longest: that is another one each time.
      this.#turnsTaken++;
      waiting.forEach((_, place) => {
        const index = (place + this.#turnsTaken) % waiting.length;
        const [each, state] = [waiting[index], states[index]];
        if (each === undefined) return;
        if (state !== undefined && state !== 'waits') this.#step(each, state);
        else if (now - each.since >= each.use.limit) {
          this.#end(each, () => each.reject(new MultifdError('timeout', 'not a byte moved in time')));
        }
      });
      if (!blocks || this.#waiting.length < waiting.length) return;
    }
  }

  #step(each: Waiting, state: Readiness = 'ready'): void {
    try {
      this.#stint = performance.now();
      const step = this.#advance(each.use);
      if (step === 'done') this.#end(each, each.resolve);
      else if (state === 'gone') throw gone();
      else if (step === 'moved') each.since = performance.now();
    } catch (cause) {
      this.#end(each, () => each.reject(cause));
    }
  }

  /** Steps, and stays with the socket for a while if that is asked for. */
  #advance(use: SocketUse): Step {
    let all = use.step();
    while (use.stays && all !== 'done' && performance.now() - this.#stint < LONGEST_STINT) {
      const [state] = this.#wait([use], SHORT_WAIT);
      if (state !== 'ready') return all;
      const step = use.step();
      if (step !== 'waits') all = step;
    }
    return all;
  }

  #wait(sockets: readonly WaitingSocket[], timeout: number): readonly Readiness[] {
    return this.#io.waitAny(sockets, this.#interrupt, timeout);
  }

  #end(each: Waiting, how: () => void): void {
    this.#waiting = this.#waiting.filter((other) => other !== each);
    how();
  }
}

/** ms until the first of them is late. */
function patience(waiting: readonly Waiting[]): number {
  const now = performance.now();
  return Math.max(0, Math.min(...waiting.map(({ use, since }) => since + use.limit - now)));
}

function gone(): MultifdError {
  return new MultifdError('peer-closed', 'the other end has closed the connection');
}

import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { MultifdError } from '../../errors.js';
import type { Thread } from '../thread-group.js';
import type { FromIncomingThread, ToIncomingThread } from './messages.js';

/** Connections that may be looked at beyond those that the migration needs, so that a stranger blocks nobody. */
const STRANGERS = 8;
/** ms that a connection may say nothing while others wait to be looked at. */
const SILENCE = 1_000;
/** Connections that may wait to be looked at. */
const LONGEST_QUEUE = 512;

export interface ReceptionHost {
  spawn(onMessage: (message: FromIncomingThread) => void): Thread<ToIncomingThread>;
  refused(peer: string, reason: string): void;
  /** A connection is main or a channel: the source has begun to connect. May be called more than once. */
  introduced(): void;
  failed(error: MultifdError): void;
  /** Anything that is not about introductions. */
  message(message: FromIncomingThread): void;
  /** Main and all channels are here. */
  complete(main: Thread<ToIncomingThread>): void;
}

/** A thread that looks at one connection at a time. */
interface Desk {
  readonly thread: Thread<ToIncomingThread>;
  /** Whose connection it looks at or has; undefined while it is free. */
  peer: string | undefined;
  /** When it got that connection. */
  since: number;
  /** Its connection is main or a channel. */
  accepted: boolean;
}

/**
 * Hands connections to threads until main and every channel are there. They may come in any order: what a
 * connection is, its first bytes tell.
 */
export class Reception {
  readonly #channels: number;
  readonly #host: ReceptionHost;
  readonly #desks: Desk[] = [];
  readonly #queue: { socket: Socket; peer: string }[] = [];
  readonly #present = new Set<number>();
  #main: Thread<ToIncomingThread> | undefined;
  #open = false;
  #again: NodeJS.Timeout | undefined;

  constructor(channels: number, host: ReceptionHost) {
    this.#channels = channels;
    this.#host = host;
  }

  /** Starts the threads that the migration needs, before anybody connects. */
  open(): void {
    this.#open = true;
    for (let count = 0; count <= this.#channels; count++) this.#addDesk();
    this.#serve();
  }

  connected(socket: Socket, peer: string): void {
    if (this.#queue.length >= LONGEST_QUEUE) {
      this.#sendAway(socket, peer, 'too many connections at once');
      return;
    }
    this.#queue.push({ socket, peer });
    if (this.#open) this.#serve();
  }

  /**
   * Waits until every connection so far has been looked at. A source with more channels than this end sends pages
   * on the surplus ones, so that its memory must not count as complete before they are known to be strangers. One
   * that has said nothing for `patience` ms by then is a stranger.
   */
  async settled(patience = 500): Promise<void> {
    const end = performance.now() + patience;
    do await delay(1);
    while (this.#desks.some((desk) => desk.peer !== undefined && !desk.accepted) && performance.now() < end);
  }

  /** No more connections are looked at. */
  close(): void {
    this.#open = false;
    clearTimeout(this.#again);
    for (const { socket, peer } of this.#queue.splice(0))
      this.#sendAway(socket, peer, 'the migration is over');
    for (const desk of this.#desks) if (!desk.accepted) desk.thread.post({ type: 'abort' });
  }

  /** What has not come within `timeout` ms. */
  missing(timeout: number): MultifdError {
    const absent = Array.from({ length: this.#channels }, (_, channel) => channel).filter(
      (channel) => !this.#present.has(channel),
    );
    const what = [
      ...(this.#main === undefined ? ['the main stream'] : []),
      ...(absent.length > 0 ? [`channel ${absent.join(', ')} of ${this.#channels}`] : []),
    ];
    return new MultifdError('timeout', `${what.join(' and ')} did not connect within ${timeout} ms`, {
      hint: 'set multifd-channels to the same number on both ends',
    });
  }

  #isComplete(): boolean {
    return this.#main !== undefined && this.#present.size === this.#channels;
  }

  #serve(): void {
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
      const { socket, peer } = next;
      const desk = this.#desks.find((each) => each.peer === undefined) ?? this.#extraDesk();
      if (desk === undefined) {
        this.#queue.unshift(next);
        this.#makeRoom();
        return;
      }
      desk.peer = peer;
      desk.since = performance.now();
      try {
        desk.thread.post({ type: 'connection', socket, peer }, [socket]);
      } catch {
        // It closed before it could be handed over.
        socket.destroy();
        desk.peer = undefined;
      }
    }
  }

  /** Somebody waits: whoever has been silent longest has to go, if that is long enough. */
  #makeRoom(): void {
    const silent = this.#desks.filter((desk) => desk.peer !== undefined && !desk.accepted);
    const longest = silent.reduce<Desk | undefined>(
      (found, desk) => (found === undefined || desk.since < found.since ? desk : found),
      undefined,
    );
    if (longest === undefined) return;
    const wait = longest.since + SILENCE - performance.now();
    if (wait <= 0) longest.thread.post({ type: 'drop' });
    // Looks again when the next one may go; the dropped one's desk serves the queue by itself.
    clearTimeout(this.#again);
    this.#again = setTimeout(() => this.#serve(), Math.max(wait, 50));
  }

  #extraDesk(): Desk | undefined {
    return this.#desks.length < this.#channels + 1 + STRANGERS ? this.#addDesk() : undefined;
  }

  #addDesk(): Desk {
    const desk: Desk = {
      thread: this.#host.spawn((message) => this.#onMessage(desk, message)),
      peer: undefined,
      since: 0,
      accepted: false,
    };
    this.#desks.push(desk);
    return desk;
  }

  #onMessage(desk: Desk, message: FromIncomingThread): void {
    const peer = desk.peer ?? 'unknown';
    if (message.type === 'is-main') {
      if (this.#main !== undefined) {
        this.#turnAway(desk, 'a second main stream');
        return;
      }
      this.#main = desk.thread;
      this.#host.introduced();
      this.#accept(desk);
    } else if (message.type === 'is-channel') {
      if (this.#isComplete()) {
        this.#turnAway(desk, 'the migration has all its connections');
        return;
      }
      if (this.#present.has(message.channel)) {
        const hint = 'two sources connect here, or the source is broken';
        this.#host.failed(
          new MultifdError('incompatible', `channel ${message.channel} connected twice, now from ${peer}`, {
            hint,
          }),
        );
        return;
      }
      this.#present.add(message.channel);
      this.#host.introduced();
      this.#accept(desk);
    } else if (message.type === 'foreign') {
      desk.peer = undefined;
      this.#host.refused(peer, message.reason);
      this.#serve();
    } else {
      this.#host.message(message);
    }
  }

  #accept(desk: Desk): void {
    desk.accepted = true;
    desk.thread.post({ type: 'verdict', accepted: true });
    if (this.#main === undefined || !this.#isComplete()) return;
    this.#host.complete(this.#main);
  }

  #turnAway(desk: Desk, reason: string): void {
    desk.thread.post({ type: 'verdict', accepted: false });
    this.#host.refused(desk.peer ?? 'unknown', reason);
    desk.peer = undefined;
    this.#serve();
  }

  #sendAway(socket: Socket, peer: string, reason: string): void {
    socket.on('error', () => {});
    socket.destroy();
    this.#host.refused(peer, reason);
  }
}

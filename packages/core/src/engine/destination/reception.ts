import type { Socket } from 'node:net';
import { MultifdError } from '../../errors.js';
import { firstLook } from '../../transport/first-look.js';
import type { Accepted } from '../../transport/listener.js';
import { Caller, LATEST, SOONEST } from './caller.js';
import { Crowd } from './crowd.js';
import { chooseGroup, type Group } from './group.js';
import type { ExpectedGuest } from './introduction.js';
import { Latecomers, SILENT } from './latecomers.js';
import { alone, closedEarly, missing, whyLate } from './reception-errors.js';
import { Refusals } from './refusals.js';

/** ms that others of the source's host may take to say that they belong to another source. */
const RIVALRY = 500;
/** ms that channels may be late when main sends pages as a source does that has none. */
const LATE = 1_000;
/**
 * ms that a channel may come behind a main that says that it is there: by then its source has connected it, so what holds
 * it up is a network or a proxy. At most half of `setupTimeout`.
 */
const HELD_UP = 5_000;

export interface ReceptionHost {
  refused(peer: string, reason: string): void;
  /** A source has begun: its main stream has come to RAM. Called once, and again after `withdrawn`. */
  introduced(): void;
  /** The source that had begun is gone before its connections were complete: the wait goes on, for the next one. */
  withdrawn(): void;
  failed(error: MultifdError): void;
  /** Main (undefined) or a channel, for its thread. @param head what was read of it. @throws if the socket is gone. */
  handOver(channel: number | undefined, socket: Socket, peer: string, head: Uint8Array): void;
  /** All of them were handed over. */
  complete(): void;
}

/**
 * Looks at connections until main and every channel are there, in any order and side by side, without a thread for any
 * of them. Who does not fit is a stranger: it is dropped, and the wait goes on.
 */
export class Reception {
  readonly #expected: ExpectedGuest;
  readonly #setupTimeout: number;
  readonly #host: ReceptionHost;
  readonly #callers: Caller[] = [];
  readonly #crowd: Crowd;
  readonly #refusals = new Refusals();
  readonly #byDescriptor: boolean;
  #state: 'new' | 'open' | 'complete' | 'closed' = 'new';
  #timer: NodeJS.Timeout | undefined;
  #nextLook = 0;
  /** Once the source's connections are complete. */
  #latecomers: Latecomers | undefined;
  #introduced = false;
  /** When all connections were there, and with which main; when main was seen to be over or alone. */
  #completeSince: number | undefined;
  #completeWith: Caller | undefined;
  #aloneSince: number | undefined;
  #endedSince: number | undefined;

  /**
   * @param setupTimeout ms after which a connection that has not shown what it is has to go.
   * @param byDescriptor false: only documented ways of Node.
   */
  constructor(expected: ExpectedGuest, setupTimeout: number, host: ReceptionHost, byDescriptor = true) {
    this.#expected = expected;
    this.#setupTimeout = setupTimeout;
    this.#host = host;
    this.#byDescriptor = byDescriptor;
    this.#crowd = new Crowd(expected.channels + 1);
  }

  /** The threads are there: what has connected is looked at. */
  open(): void {
    this.#state = 'open';
    this.#look();
  }

  connected(accepted: Accepted): void {
    accepted.socket.on('error', () => {});
    if (this.#state === 'closed') {
      accepted.socket.destroy();
      return;
    }
    const caller = new Caller(accepted, firstLook(accepted.socket, this.#byDescriptor), this.#expected);
    this.#callers.push(caller);
    const surplus = this.#crowd.whoHasToGo(this.#callers);
    if (surplus !== undefined) this.#refuse(surplus, 'silent while others wait');
    if (this.#state !== 'new') this.#lookWithin(0);
  }

  /**
   * Waits until every connection so far has said what it is. A source with more channels than this end sends pages
   * on the surplus ones, so that its memory must not count as complete before they are known to be strangers. One
   * that has said nothing for `patience` ms by then is a stranger.
   */
  async settled(patience = 500): Promise<void> {
    const end = performance.now() + patience;
    const open = ({ since, role }: Caller): boolean =>
      role === 'channel' || performance.now() - since < patience;
    do {
      await new Promise((resolve) => setTimeout(resolve, 1));
      this.#look();
    } while (this.#callers.some(open) && performance.now() < end);
    if (this.#state === 'complete') this.#turnAway(Number.POSITIVE_INFINITY);
  }

  /**
   * No more connections are looked at. Fulfilled when those that are told why are closed, within 500 ms.
   * @param failure what those are told; undefined: nothing.
   */
  close(failure: MultifdError | undefined): Promise<void> {
    this.#state = 'closed';
    clearTimeout(this.#timer);
    return this.#refusals.close(this.#callers.splice(0), failure);
  }

  /** What has not come within `timeout` ms. */
  missing(timeout: number): MultifdError {
    return missing(this.#callers, this.#expected.channels, timeout);
  }

  /** The next look comes within `delay` ms. An earlier one stays: a flood of connections must not put it off. */
  #lookWithin(delay: number): void {
    const at = performance.now() + delay;
    if (this.#timer !== undefined && this.#nextLook <= at) return;
    clearTimeout(this.#timer);
    this.#nextLook = at;
    this.#timer = setTimeout(() => this.#look(), delay);
  }

  /** Looks at whoever is due, and decides. */
  #look(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#state === 'closed' || this.#state === 'new') return;
    const now = performance.now();
    for (const caller of this.#callers.filter(({ due }) => due <= now)) this.#hear(caller, now);
    for (const main of this.#callers.filter((caller) => !this.#refusals.explain(caller)))
      this.#refuse(main, 'main stream: it takes no answer');
    if (this.#state === 'open') this.#decide(now);
    else this.#turnAway(now);
    this.#dropLate(now);
    if (this.#callers.length === 0) return;
    const next = Math.min(...this.#callers.map(({ due }) => due));
    this.#lookWithin(Math.max(SOONEST, Math.min(next - now, LATEST)));
  }

  #hear(caller: Caller, now: number): void {
    try {
      caller.look(now);
    } catch (cause) {
      const error = MultifdError.from(cause, 'internal', caller.peer);
      this.#refuse(caller, error);
    }
  }

  #decide(now: number): void {
    this.#dropLeftovers();
    let choice = chooseGroup(this.#callers, this.#expected.channels);
    if (choice.type === 'conflict') {
      // One of them may be gone by now: the next look at it was not due yet.
      for (const caller of [...this.#callers]) this.#hear(caller, now);
      this.#dropLeftovers();
      choice = chooseGroup(this.#callers, this.#expected.channels);
    }
    if (choice.type === 'surplus') {
      this.#host.failed(choice.error);
    } else if (choice.type === 'conflict') {
      const reason = `${choice.what} connected twice: two sources at once, or the source is broken`;
      for (const caller of choice.claims) this.#refuse(caller, reason);
    } else if (choice.type === 'complete') {
      this.#introduce();
      if (this.#isReady(choice.group, now)) void this.#start(choice.group);
    } else {
      this.#completeSince = undefined;
      this.#decideOnMain(now);
    }
  }

  /** A source has begun and its connections are not complete: whether they can become so. */
  #decideOnMain(now: number): void {
    const main = this.#callers.find(({ role, proven }) => role === 'main' && proven);
    if (main === undefined) {
      this.#withdraw();
      return;
    }
    this.#introduce();
    if (main.ended) this.#endedSince ??= now;
    // One whose channels were turned away has not noticed yet: that is no source without channels.
    const hasChannel =
      this.#refusals.since(main) !== undefined || this.#callers.some(({ role }) => role === 'channel');
    const isAlone = main.progress !== 'setup' && !hasChannel;
    this.#aloneSince = isAlone ? (this.#aloneSince ?? now) : undefined;
    // Pages on main are a source's without channels. Without one in sight its channels may just be held up.
    const patience = main.progress === 'pages' ? LATE : this.#heldUp;
    if (now - (this.#aloneSince ?? now) >= patience) this.#host.failed(alone());
    // It may have said everything, and its channels are behind it.
    if (now - (this.#endedSince ?? now) < this.#heldUp) return;
    this.#refuse(main, closedEarly().message);
    this.#withdraw();
  }

  /** A main stream that has ended is what is left of a source that is gone, once another one comes from there. */
  #dropLeftovers(): void {
    const mains = this.#callers.filter(({ role, proven }) => role === 'main' && proven);
    for (const main of mains) {
      const isReplaced = mains.some((other) => other.host === main.host && other.since > main.since);
      if (main.ended && isReplaced) this.#refuse(main, closedEarly().message);
    }
  }

  #withdraw(): void {
    this.#aloneSince = undefined;
    this.#endedSince = undefined;
    if (!this.#introduced) return;
    this.#introduced = false;
    this.#host.withdrawn();
  }

  #introduce(): void {
    if (this.#introduced) return;
    this.#introduced = true;
    this.#host.introduced();
  }

  get #heldUp(): number {
    return Math.min(HELD_UP, this.#setupTimeout / 2);
  }

  /** All connections are there: whether nobody can come any more who says that some of them are another source's. */
  #isReady(group: Group<Caller>, now: number): boolean {
    const { main, channels, hosts, doubtful } = group;
    if (this.#completeWith !== main) this.#completeSince = undefined;
    this.#completeWith = main;
    this.#completeSince ??= now;
    const chosen = new Set([main, ...channels]);
    const others = this.#callers.filter((caller) => !chosen.has(caller) && hosts.has(caller.host));
    if (doubtful.size === 0) {
      const isRival = others.some(({ heard }) => now - heard < SILENT);
      return !isRival || now - this.#completeSince >= RIVALRY;
    }
    // Main's own channel may be held up, or have connected and not have said a word.
    const silent = others.filter(({ role, since }) => role === undefined && since >= main.since);
    const last = Math.max(this.#completeSince, ...silent.map(({ since }) => since));
    return now - last >= this.#heldUp;
  }

  async #start(group: Group<Caller>): Promise<void> {
    this.#state = 'complete';
    this.#latecomers = new Latecomers(group);
    const chosen = [group.main, ...group.channels];
    // All at once, before anything is waited for: nobody may take them for late ones.
    for (const caller of chosen) this.#remove(caller);
    try {
      const sockets = await Promise.all(chosen.map((caller) => caller.handOver()));
      for (const [index, caller] of chosen.entries()) {
        this.#host.handOver(index === 0 ? undefined : index - 1, sockets[index], caller.peer, caller.bytes);
      }
    } catch {
      for (const caller of chosen) caller.drop();
      this.#host.failed(closedEarly());
      return;
    }
    this.#host.complete();
  }

  /** The source is complete. @param now Infinity: nobody is waited for any more. */
  #turnAway(now: number): void {
    for (const caller of [...this.#callers]) {
      const verdict = this.#latecomers?.judge(caller, this.#callers, now);
      if (verdict === undefined) continue;
      if ('refused' in verdict) this.#refuse(caller, verdict.refused);
      else this.#host.failed(verdict.failed);
    }
  }

  /** Those that have had their time. A source that has begun is timed by its migration. */
  #dropLate(now: number): void {
    const hasMain = this.#callers.some(({ role, proven }) => role === 'main' && proven);
    for (const caller of [...this.#callers]) {
      if ((caller.proven && hasMain) || now - caller.since <= this.#setupTimeout) continue;
      this.#refuse(caller, whyLate(caller));
    }
  }

  #refuse(caller: Caller, reason: MultifdError | string): void {
    const why = typeof reason === 'string' ? new MultifdError('peer-closed', reason) : reason;
    this.#remove(caller);
    this.#refusals.add(caller, why);
    this.#host.refused(caller.peer, why.hint === undefined ? why.message : `${why.message} (${why.hint})`);
  }

  #remove(caller: Caller): void {
    const at = this.#callers.indexOf(caller);
    if (at >= 0) this.#callers.splice(at, 1);
  }
}

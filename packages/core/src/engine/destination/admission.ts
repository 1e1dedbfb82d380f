import { MultifdError } from '../../errors.js';
import { saidByDestination } from '../../thread/guest-place.js';
import type { Accepted } from '../../transport/accepted.js';
import { alone, closedEarly, gaveUp, missing, otherGuest, otherNumber, whyLate } from './admission-errors.js';
import type { AdmissionHost } from './admission-host.js';
import { BegunSource, hasGivenUp, replaced } from './begun-source.js';
import { ConnectionLimit } from './connection-limit.js';
import { type Choice, chooseGroup, fewer, type Group } from './group.js';
import type { ExpectedGuest } from './introduction.js';
import { Latecomers } from './latecomers.js';
import { LATEST, PendingConnection, SOONEST } from './pending-connection.js';
import { heldUp, Readiness } from './readiness.js';
import { Refusals } from './refusals.js';

/** ms to wait for the packets that show how many channels a source has, when it is known to have too many. */
const COUNTED = 300;

/**
 * Admits a source's connections: looks at all pending ones side by side, in any order and without a thread for each,
 * until main and every channel are there. A connection that does not fit is refused, and the wait goes on.
 */
export class Admission {
  readonly #expected: ExpectedGuest;
  readonly #setupTimeout: number;
  readonly #heldUp: number;
  readonly #host: AdmissionHost;
  readonly #pending: PendingConnection[] = [];
  readonly #limit: ConnectionLimit;
  readonly #refusals = new Refusals();
  readonly #byDescriptor: boolean;
  #state: 'new' | 'open' | 'complete' | 'closed' = 'new';
  #timer: NodeJS.Timeout | undefined;
  #nextLook = 0;
  /** Set once the source's connections are complete. */
  #latecomers: Latecomers | undefined;
  #introduced = false;
  readonly #readiness = new Readiness();
  readonly #begun = new BegunSource();
  /** Since when a source is known to have too many channels; ms. */
  #misfitSince: number | undefined;

  /**
   * @param setupTimeout ms after which a connection that has not identified itself is refused.
   * @param byDescriptor false: use Node's documented API only.
   */
  constructor(expected: ExpectedGuest, setupTimeout: number, host: AdmissionHost, byDescriptor = true) {
    this.#expected = expected;
    this.#setupTimeout = setupTimeout;
    this.#heldUp = heldUp(setupTimeout);
    this.#host = host;
    this.#byDescriptor = byDescriptor;
    this.#limit = new ConnectionLimit(expected.channels + 1);
  }

  /** The threads are ready: looks at what has connected so far. */
  open(): void {
    this.#state = 'open';
    this.#look();
  }

  connected(accepted: Accepted): void {
    if (this.#state === 'closed') {
      accepted.drop();
      return;
    }
    const connection = new PendingConnection(accepted, accepted.look(this.#byDescriptor), this.#expected);
    this.#pending.push(connection);
    const surplus = this.#limit.surplus(this.#pending);
    if (surplus !== undefined) this.#refuse(surplus, 'silent while others wait');
    if (this.#state !== 'new') this.#lookWithin(0);
  }

  /**
   * Waits until every connection so far has identified itself. A source with more channels than this end sends pages on
   * the surplus ones: memory must not count as complete while one of them may be such a channel. A connection that has
   * been silent for `patience` ms is none.
   */
  async settled(patience = 500): Promise<void> {
    const end = performance.now() + patience;
    const open = ({ since, role }: PendingConnection): boolean =>
      role === 'channel' || performance.now() - since < patience;
    do {
      await new Promise((resolve) => setTimeout(resolve, 1));
      this.#look();
    } while (this.#pending.some(open) && performance.now() < end);
    if (this.#state === 'complete') this.#judgeOthers(Number.POSITIVE_INFINITY);
  }

  /**
   * Looks at no further connection. Resolves when those that are told why are closed, within 500 ms.
   * @param failure what those are told; undefined: nothing.
   */
  close(failure: MultifdError | undefined): Promise<void> {
    this.#state = 'closed';
    clearTimeout(this.#timer);
    return this.#refusals.close(this.#pending.splice(0), failure);
  }

  /** The error that names what has not come within `timeout` ms. */
  missing(timeout: number): MultifdError {
    return missing(this.#pending, this.#expected.channels, timeout);
  }

  /** Schedules a look within `delay` ms; keeps an earlier one, so that a flood of connections cannot put it off. */
  #lookWithin(delay: number): void {
    const at = performance.now() + delay;
    if (this.#timer !== undefined && this.#nextLook <= at) return;
    clearTimeout(this.#timer);
    this.#nextLook = at;
    this.#timer = setTimeout(() => this.#look(), delay);
  }

  /** Looks at the connections that are due, and decides. */
  #look(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#state === 'closed' || this.#state === 'new') return;
    const now = performance.now();
    for (const connection of this.#pending.filter(({ due }) => due <= now)) this.#hear(connection, now);
    for (const main of this.#pending.filter((connection) => !this.#refusals.explain(connection)))
      this.#refuse(main, 'main stream: it takes no answer');
    if (this.#state === 'open') this.#decide(now);
    else this.#judgeOthers(now);
    this.#refuseLate(now);
    if (this.#pending.length === 0) return;
    const next = Math.min(...this.#pending.map(({ due }) => due));
    this.#lookWithin(Math.max(SOONEST, Math.min(next - now, LATEST)));
  }

  #hear(connection: PendingConnection, now: number): void {
    try {
      connection.look(now);
    } catch (cause) {
      this.#refuseNew(connection, MultifdError.from(cause, 'internal', connection.peer));
    }
  }

  #decide(now: number): void {
    const pending = this.#pending;
    for (const { main, why } of this.#refusals.ofOtherGuests(pending, now))
      this.#refuse(main, otherGuest(why));
    for (const { channel, why } of this.#refusals.strays(pending, now)) this.#refuseNew(channel, why);
    let choice = this.#choose();
    if (choice.type === 'conflict' || choice.type === 'misfit') {
      // One may have closed or said more since its last look.
      for (const connection of [...pending]) this.#hear(connection, now);
      choice = this.#choose();
    }
    if (choice.type === 'complete') {
      const { group } = choice;
      if (this.#refuseOthers(group)) return;
      if (!hasGivenUp(group)) {
        this.#introduce(group.main);
        const others = this.#refusals.notLeft(pending, group.main);
        if (this.#readiness.isReached(group, others, now, this.#heldUp)) void this.#start(group);
        else this.#lookWithin(SOONEST);
        return;
      }
      this.#turnAway(group.main, group.channels, gaveUp(group.main.ended));
    }
    this.#readiness.reset();
    if (choice.type !== 'misfit') this.#misfitSince = undefined;
    if (choice.type === 'misfit') {
      this.#misfitSince ??= now;
      if (!choice.count.isExact && now - this.#misfitSince < COUNTED) return;
      this.#turnAway(choice.main, choice.channels, otherNumber(choice.count, this.#expected.channels));
    } else if (choice.type === 'conflict') {
      const reason = `${choice.what} connected twice: two sources at once, or the source is broken`;
      for (const connection of choice.claims) this.#refuse(connection, reason);
      return;
    }
    this.#decideOnMain(now);
  }

  /** Refuses channels of whoever is not who main is, as TLS has proven. True if there are any. */
  #refuseOthers({ main, channels }: Group<PendingConnection>): boolean {
    const others = channels.filter(({ tls }) => tls?.name !== main.tls?.name);
    for (const channel of others)
      this.#refuse(channel, `it is not the main stream's source, but ${channel.tls?.name}`);
    return others.length > 0;
  }

  #choose(): Choice<PendingConnection> {
    for (const main of replaced(this.#pending)) this.#refuse(main, closedEarly().message);
    return chooseGroup(this.#pending, this.#expected.channels);
  }

  /** A source has begun and its connections are not complete: decides whether they still can be. */
  #decideOnMain(now: number): void {
    const main = this.#pending.find(({ role, proven }) => role === 'main' && proven);
    if (main === undefined) {
      this.#withdraw();
      return;
    }
    this.#introduce(main);
    const isRefused = this.#refusals.since(main) !== undefined;
    const hasChannel = isRefused || this.#pending.some(({ role }) => role === 'channel');
    const prospect = this.#begun.look(main, hasChannel, now, this.#heldUp);
    const { channels } = this.#expected;
    const came = isRefused ? undefined : fewer(this.#pending, main, channels);
    const all = this.#begun.hasFewer(came, now, this.#heldUp);
    if (all !== undefined)
      this.#turnAway(main, all, otherNumber({ atLeast: all.length, isExact: true }, channels));
    else if (prospect === 'open') return;
    else this.#refuse(main, prospect === 'alone' ? alone() : closedEarly().message);
    this.#withdraw();
  }

  #withdraw(): void {
    this.#begun.reset();
    if (!this.#introduced) return;
    this.#introduced = false;
    this.#host.withdrawn();
  }

  #introduce(main: PendingConnection): void {
    if (this.#introduced) return;
    this.#introduced = true;
    this.#host.introduced(main.mayHaveLetGo);
  }

  async #start(group: Group<PendingConnection>): Promise<void> {
    this.#state = 'complete';
    this.#latecomers = new Latecomers(group, (connection) => this.#refusals.isOfRefused(connection));
    const chosen = [group.main, ...group.channels];
    // Remove all before the first await, so that no look takes them for latecomers.
    for (const connection of chosen) this.#remove(connection);
    try {
      const handovers = await Promise.all(chosen.map((connection) => connection.handOver()));
      for (const [index, connection] of chosen.entries()) {
        this.#host.handOver(
          index === 0 ? undefined : index - 1,
          handovers[index],
          connection.peer,
          connection.bytes,
        );
      }
    } catch {
      for (const connection of chosen) connection.drop();
      this.#host.failed(closedEarly());
      return;
    }
    this.#host.complete(group.main.tls);
  }

  /** The source is complete: judges the other connections. @param now ms; Infinity: wait for none of them. */
  #judgeOthers(now: number): void {
    for (const connection of [...this.#pending]) {
      const verdict = this.#latecomers?.judge(connection, this.#pending, now);
      if (verdict === undefined) continue;
      if ('refused' in verdict) this.#refuse(connection, verdict.refused);
      else this.#host.failed(verdict.failed);
    }
  }

  /** Refuses connections that have exceeded `setupTimeout`. A source that has begun has its migration's limit. */
  #refuseLate(now: number): void {
    const hasMain = this.#pending.some(({ role, proven }) => role === 'main' && proven);
    for (const connection of [...this.#pending]) {
      if ((connection.proven && hasMain) || now - connection.since <= this.#setupTimeout) continue;
      this.#refuse(connection, whyLate(connection));
    }
  }

  /** Refuses a source as a whole, with one event. Main comes first, which tells its source why. */
  #turnAway(main: PendingConnection, channels: readonly PendingConnection[], why: MultifdError): void {
    this.#refuse(main, why);
    for (const connection of channels) this.#refuseInSilence(connection, why);
  }

  #refuse(connection: PendingConnection, reason: MultifdError | string): void {
    const why = typeof reason === 'string' ? new MultifdError('peer-closed', reason) : reason;
    this.#refuseInSilence(connection, why);
    const reasonInFull = why.hint === undefined ? why.message : `${why.message} (${why.hint})`;
    const letGo = connection.mayHaveLetGo ? `; ${saidByDestination('either').words}` : '';
    this.#host.refused(connection.peer, `${reasonInFull}${letGo}`);
  }

  /** Refuses it, with an event unless it is what is left of a source that was refused a moment ago. */
  #refuseNew(connection: PendingConnection, why: MultifdError): void {
    if (this.#refusals.isLeftOver(connection, why)) this.#refuseInSilence(connection, why);
    else this.#refuse(connection, why);
  }

  #refuseInSilence(connection: PendingConnection, why: MultifdError): void {
    this.#remove(connection);
    this.#refusals.add(connection, why);
  }

  #remove(connection: PendingConnection): void {
    const at = this.#pending.indexOf(connection);
    if (at >= 0) this.#pending.splice(at, 1);
  }
}

import { MultifdError } from '../../errors.js';
import type { Accepted } from '../../transport/accepted.js';
import { type FirstLook, MOST_LOOKED_AT } from '../../transport/first-look.js';
import type { Handover } from '../../transport/handover.js';
import type { TlsPeer } from '../../transport/tls/credentials.js';
import { concat } from '../../wire/bytes.js';
import { encodeReason } from '../../wire/reason.js';
import { encodeShut } from '../../wire/return-path.js';
import type { Dismissals } from './dismissals.js';
import type { Claim } from './group.js';
import { type ExpectedGuest, Introduction } from './introduction.js';

/** ms between two looks at one connection: a quarter of the time since it last sent something, within these limits. */
export const SOONEST = 1;
export const LATEST = 100;

/** A connection that has not been handed to its thread yet. */
export class PendingConnection implements Claim {
  readonly #accepted: Accepted;
  readonly #look: FirstLook;
  readonly #introduction: Introduction;
  /** When it connected, and when it last sent something, ms. */
  readonly since = performance.now();
  #heard = this.since;
  /** When to look again; Infinity once nothing more can be learnt. */
  #due = this.since;
  #ended = false;
  #noted = false;
  readonly #uuid: Uint8Array;

  constructor(accepted: Accepted, look: FirstLook, expected: ExpectedGuest) {
    this.#accepted = accepted;
    this.#look = look;
    this.#introduction = new Introduction(expected);
    this.#uuid = expected.uuid;
  }

  get peer(): string {
    return this.#accepted.peer;
  }

  get host(): string {
    return this.#accepted.host;
  }

  get role(): 'main' | 'channel' | undefined {
    return this.#introduction.role;
  }

  get isSource(): boolean {
    return this.#introduction.isSource;
  }

  get channel(): number {
    return this.#introduction.channel;
  }

  get isSurplus(): boolean {
    return this.#introduction.isSurplus;
  }

  get proven(): boolean {
    return this.#introduction.proven;
  }

  get sourceChannels(): number | undefined {
    return this.#introduction.sourceChannels;
  }

  get firstPacket(): number | undefined {
    return this.#introduction.firstPacket;
  }

  get secondPacket(): number | undefined {
    return this.#introduction.secondPacket;
  }

  get hasSynced(): boolean {
    return this.#introduction.hasSynced;
  }

  get progress(): Introduction['progress'] {
    return this.#introduction.progress;
  }

  /** The bytes read so far, for its thread. */
  get bytes(): Uint8Array {
    return this.#introduction.bytes;
  }

  get heard(): number {
    return this.#heard;
  }

  /** `performance.now()` of the next look; Infinity: none. */
  get due(): number {
    return this.#due;
  }

  /** See `Introduction`. */
  get mayHaveLetGo(): boolean {
    return this.#introduction.mayHaveLetGo;
  }

  /** The peer has closed its side, perhaps after sending everything. */
  get ended(): boolean {
    return this.#ended;
  }

  /** A channel that has ended behind the setup sync: no source that completes says so little, so its source is gone. */
  get isDead(): boolean {
    return this.#ended && this.#introduction.isInSetup;
  }

  /** Of TLS, once it is proven: who is at the other end. */
  get tls(): TlsPeer | undefined {
    return this.#accepted.tls;
  }

  /** Descriptor of its socket: numbers are given from below, so it tells how many this process has. */
  get descriptor(): number | undefined {
    return this.#accepted.descriptor;
  }

  /**
   * Reads what has arrived.
   * @throws MultifdError if it is a stranger's, or the connection is gone.
   */
  look(now: number): void {
    for (;;) {
      const room = MOST_LOOKED_AT - this.bytes.length;
      if (room <= 0 || this.#ended) {
        this.#due = Number.POSITIVE_INFINITY;
        return;
      }
      const seen = this.#look.read(room);
      if (seen === 'nothing') {
        this.#due = now + Math.min(LATEST, Math.max(SOONEST, (now - this.#heard) / 4));
        return;
      }
      if (MultifdError.is(seen)) throw seen;
      if (seen === 'broken') throw new MultifdError('peer-closed', 'the connection broke');
      if (seen === 'ended') {
        if (!this.proven) throw this.closed();
        this.#ended = true;
      } else {
        this.#heard = now;
        this.#introduction.push(seen);
      }
    }
  }

  /** An error that says how much came before the end. */
  closed(): MultifdError {
    const { length } = this.bytes;
    return new MultifdError(
      'peer-closed',
      length === 0 ? 'closed without a byte' : `closed after ${length} bytes`,
    );
  }

  /** What its thread needs to take it over; `bytes` has been read from it. */
  handOver(): Promise<Handover> {
    return this.#accepted.handOver(this.#look.untouched);
  }

  /**
   * Tells a main stream why another connection from its host was refused, once: it may be its own channel. The source
   * uses that only if it fails. False if the connection does not take it.
   */
  note(reason: MultifdError): boolean {
    if (this.#noted || this.role !== 'main' || !this.#introduction.wantsReason) return true;
    this.#noted = true;
    return this.#look.write(encodeReason(reason, this.#uuid));
  }

  /**
   * Drops the connection. A source that asked for reasons gets this one, and is told that its guest is not here: it may
   * have sent everything by now. A channel is read until its source closes it, as `IncomingThread` does after a failure.
   */
  dismiss(reason: MultifdError, dismissals: Dismissals): void {
    if (this.#introduction.wantsReason)
      dismissals.add(this.#accepted.stream(), concat(encodeReason(reason, this.#uuid), encodeShut(1)));
    else if (this.role === 'channel') dismissals.add(this.#accepted.stream(), new Uint8Array(0));
    else this.drop();
  }

  drop(): void {
    this.#accepted.drop();
  }
}

import { MultifdError } from '../errors.js';
import type { IncomingConnection } from '../transport/incoming.js';
import { readU32 } from '../wire/bytes.js';
import { COMMAND } from '../wire/layout.js';
import {
  encodePong,
  isOurs,
  PING_HAS_ZERO_RUNS,
  PING_IS_RELAY,
  PING_SOURCE_DOES_NOT_WAIT,
  PING_WANTS_REASON,
  PONG_IS_MULTIFD,
  PONG_TAKES_ZERO_RUNS,
} from '../wire/return-path.js';
import type { Waiting } from './control.js';

/** Most bytes of replies that may be queued for a source that does not read them. */
const MOST_UNSENT = 64 * 1024;

/**
 * What the source has said by commands on main (docs/wire.md, 6): answers its PINGs. A multifd source sends no page before
 * its own have been answered, so those wait for the end of setup: RAM is open, and a relay's own destination has answered.
 */
export class SourceCommands {
  readonly #connection: IncomingConnection;
  readonly #takesZeroRuns: boolean;
  #returnPath = false;
  /** A relay has announced that the guest's source does not wait. */
  #onlyRelay = false;
  #wantsReason = false;
  #isRelay = false;
  /** Answers to a multifd source that wait for the end of setup; undefined behind it. */
  #held: Uint8Array[] | undefined = [];

  /** @param takesZeroRuns whether the channels of this end take runs of zero pages. */
  constructor(connection: IncomingConnection, takesZeroRuns: boolean) {
    this.#connection = connection;
    this.#takesZeroRuns = takesZeroRuns;
  }

  /** Whether the source listens for a reply. */
  get returnPath(): boolean {
    return this.#returnPath;
  }

  /** Whether the source is a multifd that listens for the reason of a failure. */
  get wantsReason(): boolean {
    return this.#wantsReason;
  }

  /** Whether a relay has said that it is one, and its source waits for an answer. */
  get isRelayOfWaiting(): boolean {
    return this.#isRelay && !this.#onlyRelay;
  }

  /** Who waits for this end's answer before it lets go of the guest. */
  get waiting(): Waiting {
    if (!this.#returnPath) return 'nobody';
    return this.#onlyRelay ? 'relay' : 'source';
  }

  /** @throws MultifdError `protocol` for a source that sends PINGs and reads no answer. */
  take(command: number, data: Uint8Array): void {
    if (command === COMMAND.OPEN_RETURN_PATH) this.#returnPath = true;
    if (command !== COMMAND.PING || !this.#returnPath || data.length !== 4) return;
    const held = this.#held?.reduce((bytes, answer) => bytes + answer.length, 0) ?? 0;
    if (this.#connection.unsent + held > MOST_UNSENT) {
      throw new MultifdError('protocol', 'main stream: the source sends PINGs and does not read the answers');
    }
    const value = readU32(data, 0);
    if (value === PING_SOURCE_DOES_NOT_WAIT) this.#onlyRelay = true;
    if (value === PING_WANTS_REASON) {
      this.#wantsReason = true;
      // At once: if this end is gone before setup is over, the source knows that it was no QEMU that refused.
      this.#connection.write(encodePong(PONG_IS_MULTIFD));
    }
    if (value === PING_IS_RELAY) this.#isRelay = true;
    // Before the PONG that the source waits for: it then knows from its first page on.
    if (value === PING_HAS_ZERO_RUNS && this.#takesZeroRuns) this.#answer(PONG_TAKES_ZERO_RUNS);
    this.#answer(value);
  }

  /** Whether a multifd source waits for an answer before it sends RAM. */
  get isAwaited(): boolean {
    return this.#held !== undefined && this.#held.length > 0;
  }

  /** The setup sync is passed: answers what was asked before. */
  setupIsOver(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const answer of held) this.#connection.write(answer);
  }

  #answer(value: number): void {
    const pong = encodePong(value);
    if (this.#held === undefined || !isOurs(value)) this.#connection.write(pong);
    else this.#held.push(pong);
  }
}

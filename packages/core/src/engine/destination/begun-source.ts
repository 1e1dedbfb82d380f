import type { Group } from './group.js';
import type { PendingConnection } from './pending-connection.js';

/** ms to wait for channels when main already carries pages, as that of a source without multifd does. */
const LATE = 1_000;

/** Whether a source's connections can still become complete. */
export type Prospect =
  | 'open'
  /** Main has come alone: no channel follows. */
  | 'alone'
  /** Main has ended. */
  | 'ended';

/** Whether a source ended before its first page: it gave up while this end stood still, and did not look. */
export function hasGivenUp({ main, channels, doubtful }: Group<PendingConnection>): boolean {
  // A doubtful one may be left of another source, and main's own still in the kernel's queue.
  const isGone = channels.some(({ isDead, channel }) => isDead && !doubtful.has(channel));
  // One that waits for no answer may have let go of its guest: its migration begins, and says so.
  const hasLeft = !main.mayHaveLetGo && isGone;
  return hasLeft || (main.ended && main.progress === 'setup');
}

/** Main streams that have ended and whose host has sent another one since: their sources are gone. */
export function replaced(pending: readonly PendingConnection[]): readonly PendingConnection[] {
  const mains = pending.filter(({ role, proven }) => role === 'main' && proven);
  return mains.filter(
    (main) => main.ended && mains.some(({ host, since }) => host === main.host && since > main.since),
  );
}

/** Looks at the main stream of a source that has begun and whose connections are not complete. */
export class BegunSource {
  /** Since when main is seen to be alone, and to be over; ms. */
  #aloneSince: number | undefined;
  #endedSince: number | undefined;
  /** How many channels a source has that may have no more, and since when; ms. */
  #fewer: number | undefined;
  #fewerSince = 0;

  /**
   * @param hasChannel whether a channel has come with it, or was refused since: then it has not noticed yet.
   * @param heldUp ms for which a channel that its source has connected may be held up by a network or a proxy.
   */
  look(main: PendingConnection, hasChannel: boolean, now: number, heldUp: number): Prospect {
    if (main.ended) this.#endedSince ??= now;
    const isAlone = main.progress !== 'setup' && !hasChannel;
    this.#aloneSince = isAlone ? (this.#aloneSince ?? now) : undefined;
    // Pages on main: a source without multifd. Else its channels may just be held up.
    const patience = main.progress === 'pages' ? LATE : heldUp;
    if (now - (this.#aloneSince ?? now) >= patience) return 'alone';
    // It may have sent everything, with its channels still on their way.
    return now - (this.#endedSince ?? now) < heldUp ? 'open' : 'ended';
  }

  /**
   * The channels of a source that has fewer than this end: it waits for an answer, so its packets do not say so.
   * @param came see `fewer`.
   */
  hasFewer<C>(came: readonly C[] | undefined, now: number, heldUp: number): readonly C[] | undefined {
    if (this.#fewer !== came?.length) this.#fewerSince = now;
    this.#fewer = came?.length;
    return now - this.#fewerSince >= heldUp ? came : undefined;
  }

  /** The source is gone. */
  reset(): void {
    this.#fewer = undefined;
    this.#aloneSince = undefined;
    this.#endedSince = undefined;
  }
}

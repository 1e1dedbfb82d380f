import type { MultifdError } from '../../errors.js';

/** What is known of one connection. */
export interface Claim {
  /** Whose it is: an address without the port. */
  readonly host: string;
  /** As `Introduction` has them. */
  readonly role: 'main' | 'channel' | undefined;
  readonly channel: number;
  readonly surplus: MultifdError | undefined;
  readonly proven: boolean;
  /** Number of a channel's first packet, once it was read. */
  readonly firstPacket: number | undefined;
  /** When it connected, ms. */
  readonly since: number;
}

/** One source with all its connections. */
export interface Group<C> {
  readonly main: C;
  /** By number. */
  readonly channels: readonly C[];
  /** Where they come from. */
  readonly hosts: ReadonlySet<string>;
  /** Numbers of channels that may be left of another source: see `chooseGroup`. */
  readonly doubtful: ReadonlySet<number>;
}

/** What the claims amount to. */
export type Choice<C> =
  | { readonly type: 'incomplete' }
  | { readonly type: 'complete'; readonly group: Group<C> }
  /** Several that mean it claim one place: which of them belong together, nobody can tell. */
  | { readonly type: 'conflict'; readonly claims: readonly C[]; readonly what: string }
  /** The source has more channels than this end. */
  | { readonly type: 'surplus'; readonly error: MultifdError };

/**
 * ms that main may come behind a channel of its source. Every source connects main first and a channel only when main
 * stands there; what turns them round is a network, or a proxy that connects each by itself.
 */
const OVERTAKEN = 10_000;

/**
 * Which connections are the source's: those that have shown that they mean it.
 *
 * A channel of a source that is gone may still stand here (its network or a proxy has not told us), with all that its
 * source had sent. Taken for the next source's, it gives that source's guest the other one's pages. Uuids are all zero as a
 * rule, a channel says nothing of its main, and the same guest, sent again, has the same blocks and as many SYNCs. Packet
 * numbers show it only later, at a sync (`NumberCheck`), when the migration must fail, and not at all if every channel is
 * the other source's. What tells in time is this:
 * - Main connects first. So of several claims for one channel those younger than main count, and one that is younger
 *   and has not shown yet that it means it is waited for. What came long before main is never main's.
 * - Channels come from main's host. Another host's counts where there is none of main's, since a host may have several
 *   addresses.
 * - Packet numbers are one count for all channels of a migration: two first packets of one number are of two.
 * A channel that is older than main, or another host's, is doubtful: its source's own may be still to come. Whoever
 * starts with it must first wait for that one, and give up if it comes later (`Reception`).
 */
export function chooseGroup<C extends Claim>(claims: readonly C[], channels: number): Choice<C> {
  const proven = claims.filter((claim) => claim.proven);
  const mains = proven.filter(({ role }) => role === 'main');
  for (const main of mains) {
    const ours = proven.filter(({ host }) => host === main.host);
    const rivals = mains.filter(({ host }) => host === main.host);
    if (rivals.length > 1) return { type: 'conflict', claims: ours, what: 'the main stream' };
    const surplus = ours.find((claim) => claim.surplus !== undefined)?.surplus;
    if (surplus !== undefined) return { type: 'surplus', error: surplus };
    const chosen: C[] = [];
    for (let channel = 0; channel < channels; channel++) {
      const found = candidates(claims, main, channel, mains.length === 1);
      if (found.length > 1 && found.every((claim) => !isDoubtful(claim, main))) {
        return { type: 'conflict', claims: ours, what: `channel ${channel}` };
      }
      // Several that are left of others: its own is still to come.
      const [only] = found.length === 1 ? found : [];
      if (only !== undefined) chosen.push(only);
    }
    if (chosen.length < channels || isMixed(chosen, main)) continue;
    const hosts = new Set([main, ...chosen].map(({ host }) => host));
    const stray = proven.find((claim) => claim.surplus !== undefined && hosts.has(claim.host))?.surplus;
    if (stray !== undefined) return { type: 'surplus', error: stray };
    const doubtful = new Set(chosen.filter((claim) => isDoubtful(claim, main)).map(({ channel }) => channel));
    return { type: 'complete', group: { main, channels: chosen, hosts, doubtful } };
  }
  return { type: 'incomplete' };
}

/** Channels that are not there; if all are, those that are only doubtfully main's. */
export function missingChannels(claims: readonly Claim[], channels: number): readonly number[] {
  const all = Array.from({ length: channels }, (_, channel) => channel);
  const mains = claims.filter(({ role, proven }) => role === 'main' && proven);
  if (mains.length === 0) {
    const came = claims.filter(({ role, proven }) => role === 'channel' && proven);
    return all.filter((channel) => !came.some((claim) => claim.channel === channel));
  }
  const lacking = (isIts: (claim: Claim, main: Claim) => boolean): readonly number[] =>
    all.filter((channel) =>
      mains.every((main) => {
        const found = candidates(claims, main, channel, mains.length === 1);
        return !found.some((claim) => isIts(claim, main));
      }),
    );
  const absent = lacking(() => true);
  return absent.length > 0 ? absent : lacking((claim, main) => !isDoubtful(claim, main));
}

/** Who may be `main`'s channel of this number. @param otherHosts whether those of other hosts may. */
function candidates<C extends Claim>(
  claims: readonly C[],
  main: C,
  channel: number,
  otherHosts: boolean,
): readonly C[] {
  const all = claims.filter(
    (claim) => claim.role === 'channel' && claim.channel === channel && claim.since >= main.since - OVERTAKEN,
  );
  const own = all.filter((claim) => !isDoubtful(claim, main));
  // Its own has come. Until it has shown that it means it, what was there before must not take its place.
  if (own.length > 0) return own.filter(({ proven }) => proven);
  const near = all.filter(({ proven, host }) => proven && host === main.host);
  if (near.length > 0) return near;
  const far = all.filter(({ proven }) => proven);
  return otherHosts && far.length === 1 ? far : [];
}

/** Not surely main's: it may be left of another source. */
function isDoubtful(claim: Claim, main: Claim): boolean {
  return claim.since < main.since || claim.host !== main.host;
}

/** Channels of two migrations: one of those that are doubtful anyway has another's number. */
function isMixed(chosen: readonly Claim[], main: Claim): boolean {
  return chosen.some(
    (claim) =>
      isDoubtful(claim, main) &&
      claim.firstPacket !== undefined &&
      chosen.some((other) => other !== claim && other.firstPacket === claim.firstPacket),
  );
}

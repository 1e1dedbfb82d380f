import type { MultifdError } from '../../errors.js';

/** What one connection has shown of itself. */
export interface Claim {
  /** The peer's address, without the port. */
  readonly host: string;
  /** See `Introduction`. */
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
  /** The hosts that they come from. */
  readonly hosts: ReadonlySet<string>;
  /** Numbers of channels that may be left over from another source: see `chooseGroup`. */
  readonly doubtful: ReadonlySet<number>;
}

/** The outcome of `chooseGroup`. */
export type Choice<C> =
  | { readonly type: 'incomplete' }
  | { readonly type: 'complete'; readonly group: Group<C> }
  /** Several proven connections claim one place: it cannot be told which of them belong together. */
  | { readonly type: 'conflict'; readonly claims: readonly C[]; readonly what: string }
  /** The source has more channels than this end. */
  | { readonly type: 'surplus'; readonly error: MultifdError };

/**
 * ms by which a channel may arrive ahead of its main. Every source connects main first; a network, or a proxy that
 * connects each by itself, can turn the order round.
 */
const OVERTAKEN = 10_000;

/**
 * Chooses one source's connections among the proven ones.
 *
 * A channel of a source that is gone may still be open here (its network or a proxy has not told us), with all that its
 * source had sent. Taken for the next source's channel, it would put the old guest's pages into the new guest. Little
 * tells them apart: uuids are all zero as a rule, a channel does not name its main, and the same guest, sent again, has
 * the same blocks and as many SYNCs. Packet numbers show it only at a sync (`NumberCheck`), when the migration must
 * fail, and not at all if every channel is the other source's. These rules tell in time:
 * - Main connects first. Of several claims for one channel, those younger than main win; a younger one that is not yet
 *   proven is waited for. A channel that came long before main is never main's.
 * - Channels come from main's host. A channel of another host is taken only if there is none of main's: a host may have
 *   several addresses.
 * - One count numbers the packets of all channels of a migration: two first packets of the same number belong to two
 *   migrations.
 * A channel that is older than main, or another host's, is doubtful: main's own may still come. `Admission` waits for
 * it before it starts with a doubtful one, and the migration fails if it comes later.
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
      // Several left-over ones: its own is still to come.
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

/** Numbers of missing channels; if none is missing, of the doubtful ones. */
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

/** Connections that may be `main`'s channel of this number. @param otherHosts whether those of other hosts may. */
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
  // Its own has come: until that is proven, an older one must not take its place.
  if (own.length > 0) return own.filter(({ proven }) => proven);
  const near = all.filter(({ proven, host }) => proven && host === main.host);
  if (near.length > 0) return near;
  const far = all.filter(({ proven }) => proven);
  return otherHosts && far.length === 1 ? far : [];
}

/** Whether it may be left over from another source. */
function isDoubtful(claim: Claim, main: Claim): boolean {
  return claim.since < main.since || claim.host !== main.host;
}

/** Whether channels of two migrations are among them: a doubtful one's first packet has another one's number. */
function isMixed(chosen: readonly Claim[], main: Claim): boolean {
  return chosen.some(
    (claim) =>
      isDoubtful(claim, main) &&
      claim.firstPacket !== undefined &&
      chosen.some((other) => other !== claim && other.firstPacket === claim.firstPacket),
  );
}

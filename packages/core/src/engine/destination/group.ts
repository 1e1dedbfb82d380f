/** What one connection has shown of itself. */
export interface Claim {
  /** The peer's address, without the port. */
  readonly host: string;
  /** See `Introduction`. */
  readonly role: 'main' | 'channel' | undefined;
  readonly channel: number;
  readonly isSurplus: boolean;
  readonly proven: boolean;
  /** Main: how many channels its source says it has. */
  readonly sourceChannels: number | undefined;
  /** Numbers of a channel's first two packets, once they were read. */
  readonly firstPacket: number | undefined;
  readonly secondPacket: number | undefined;
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
  /** The source has more or fewer channels than this end. */
  | {
      readonly type: 'misfit';
      readonly main: C;
      readonly channels: readonly C[];
      readonly count: ChannelCount;
    };

/** How many channels a source has. */
export interface ChannelCount {
  readonly atLeast: number;
  /** It has no more than these. */
  readonly isExact: boolean;
}

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
    const count = countChannels(ours, main, channels);
    if (count !== undefined) return misfit(claims, main, new Set([main.host]), count);
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
    const strays = countChannels(
      proven.filter(({ host }) => hosts.has(host)),
      main,
      channels,
    );
    if (strays !== undefined) return misfit(claims, main, hosts, strays);
    const doubtful = new Set(chosen.filter((claim) => isDoubtful(claim, main)).map(({ channel }) => channel));
    return { type: 'complete', group: { main, channels: chosen, hosts, doubtful } };
  }
  return { type: 'incomplete' };
}

function misfit<C extends Claim>(
  claims: readonly C[],
  main: C,
  hosts: ReadonlySet<string>,
  count: ChannelCount,
): Choice<C> {
  const channels = claims.filter(({ role, host }) => role === 'channel' && hosts.has(host));
  return { type: 'misfit', main, channels, count };
}

/** Whether this channel can be `main`'s: see `OVERTAKEN`. */
export function mayBelong(claim: Claim, main: Claim): boolean {
  return claim.role === 'channel' && claim.since >= main.since - OVERTAKEN;
}

/**
 * How many channels `main`'s source has, if that is another number than this end has. A multifd says it. Of another a channel with too high a number
 * shows it, or packet numbers do (docs/wire.md, 4.3): the setup sync gives one number from 0 on to each channel, and
 * only then the next packet gets its own. So if the channels that came have the first numbers, and one of them has
 * also the next number, there is no other channel, however long one would wait.
 * @param proven connections.
 */
function countChannels(proven: readonly Claim[], main: Claim, channels: number): ChannelCount | undefined {
  const { sourceChannels = channels } = main;
  if (sourceChannels !== channels) return { atLeast: sourceChannels, isExact: true };
  const own = proven.filter((claim) => mayBelong(claim, main) && !isDoubtful(claim, main));
  const isExact = haveFirstNumbers(own) && own.some(({ secondPacket }) => secondPacket === own.length);
  if (isExact && own.length < channels) return { atLeast: own.length, isExact };
  const surplus = proven.filter((claim) => claim.isSurplus && mayBelong(claim, main));
  if (surplus.length === 0) return undefined;
  const atLeast = Math.max(...surplus.map(({ channel }) => channel + 1));
  return { atLeast, isExact: isExact && atLeast === own.length };
}

function haveFirstNumbers(channels: readonly Claim[]): boolean {
  const { length } = channels;
  const numbers = new Set(channels.map(({ firstPacket }) => firstPacket));
  return numbers.size === length && channels.every(({ firstPacket = length }) => firstPacket < length);
}

/**
 * `main`'s channels, if those that came look like all that its source has, and are fewer than this end's: the channels
 * and their first packets have the first numbers, and no connection of its host is unknown. Others can still be held up.
 * Undefined before the setup sync, which shows that a source has connected all of its own, and of a source that says
 * its number.
 */
export function fewer<C extends Claim>(
  claims: readonly C[],
  main: Claim & { readonly hasSynced: boolean },
  channels: number,
): readonly C[] | undefined {
  if (!main.hasSynced || main.sourceChannels !== undefined) return undefined;
  const own = claims.filter(({ host, since }) => host === main.host && since >= main.since);
  const found = own.filter(({ role }) => role === 'channel');
  // A second packet shows that the source does not wait: then packet numbers tell how many there are.
  const isKnown = own.every(
    ({ role, proven, secondPacket }) => role !== undefined && proven && secondPacket === undefined,
  );
  const count = found.length;
  const numbers = new Set(found.map(({ channel }) => channel));
  const areFirst = numbers.size === count && found.every(({ channel }) => channel < count);
  return isKnown && areFirst && count > 0 && count < channels && haveFirstNumbers(found) ? found : undefined;
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
  const all = claims.filter((claim) => claim.channel === channel && mayBelong(claim, main));
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

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
  /** When it connected, ms. */
  readonly since: number;
}

/** What the claims amount to. */
export type Choice<C> =
  | { readonly type: 'incomplete' }
  /** One source with all its connections; `hosts` are where they come from. */
  | {
      readonly type: 'complete';
      readonly main: C;
      readonly channels: readonly C[];
      readonly hosts: ReadonlySet<string>;
    }
  /** Several that mean it claim one place: which of them belong together, nobody can tell. */
  | { readonly type: 'conflict'; readonly claims: readonly C[]; readonly what: string }
  /** The source has more channels than this end. */
  | { readonly type: 'surplus'; readonly error: MultifdError };

/**
 * Which connections are the source's: those that have shown that they mean it. Of several for one place, those of main's
 * host count, and of those, the ones that came after it; a source may have more than one address, so that another host's
 * counts where it is the only one.
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
      const all = proven.filter((claim) => claim.role === 'channel' && claim.channel === channel);
      const near = latest(
        all.filter(({ host }) => host === main.host),
        main,
      );
      const isLate = near.some(({ since }) => since >= main.since);
      // Its own has come and has not shown yet that it means it: what was there before must not take its place.
      const isComing = claims.some(
        (claim) =>
          claim.role === 'channel' &&
          claim.channel === channel &&
          claim.host === main.host &&
          !claim.proven &&
          claim.since >= main.since,
      );
      if (isComing && !isLate) continue;
      // Several that are left of others: its own is still to come.
      if (near.length > 1 && !isLate) continue;
      if (near.length > 1) return { type: 'conflict', claims: ours, what: `channel ${channel}` };
      const [found] = near.length === 0 && mains.length === 1 && all.length === 1 ? all : near;
      if (found !== undefined) chosen.push(found);
    }
    if (chosen.length < channels) continue;
    const hosts = new Set([main, ...chosen].map(({ host }) => host));
    const stray = proven.find((claim) => claim.surplus !== undefined && hosts.has(claim.host))?.surplus;
    if (stray !== undefined) return { type: 'surplus', error: stray };
    return { type: 'complete', main, channels: chosen, hosts };
  }
  return { type: 'incomplete' };
}

/** A source connects main first: what was there before, beside what came after, is left of another that is gone. */
function latest<C extends Claim>(claims: readonly C[], main: C): readonly C[] {
  const after = claims.filter(({ since }) => since >= main.since);
  return after.length === 0 ? claims : after;
}

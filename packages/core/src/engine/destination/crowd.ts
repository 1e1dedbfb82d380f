import { openFilesLimit } from '../../limits/open-files.js';
import type { Caller } from './caller.js';

/** Connections that are kept beside those that the migration needs, so that a stranger blocks nobody. */
const FEWEST = 8;
/** Connections that are kept at most: each takes a descriptor and a look ten times a second. */
const MOST = 1024;
/** Of the descriptors that this process may have; the rest is for files, threads and the guest. */
const SHARE = 0.75;

/** How many connections may wait: others must not leave the source, or this end's files, without a descriptor. */
export class Crowd {
  readonly #needed: number;
  readonly #limit: number | undefined;

  /** @param needed connections that the migration needs. */
  constructor(needed: number) {
    this.#needed = needed;
    this.#limit = openFilesLimit();
  }

  /** Whoever has been silent longest, if there are too many; one that has shown what it is only if all have. */
  whoHasToGo(callers: readonly Caller[]): Caller | undefined {
    const spare = callers.length - this.#needed;
    if (spare <= FEWEST) return undefined;
    const newest = callers.at(-1)?.descriptor;
    const scarce = newest !== undefined && this.#limit !== undefined && newest >= this.#limit * SHARE;
    if (spare <= MOST && !scarce) return undefined;
    const rank = ({ role, proven }: Caller): number => (proven ? 2 : role === undefined ? 0 : 1);
    return callers.reduce((found, caller) => {
      const order = rank(caller) - rank(found) || caller.heard - found.heard;
      return order < 0 ? caller : found;
    });
  }
}

import { openFilesLimit } from '../../limits/open-files.js';
import type { PendingConnection } from './pending-connection.js';

/** Connections kept beside those that the migration needs, so that a stranger blocks nobody. */
const FEWEST = 8;
/** Most connections kept: each takes a descriptor and a look ten times a second. */
const MOST = 1024;
/** Share of this process's descriptors; the rest is for files, threads and the guest. */
const SHARE = 0.75;

/** Limits how many connections may be pending, so that the source and this end's files still get descriptors. */
export class ConnectionLimit {
  readonly #needed: number;
  readonly #limit: number | undefined;

  /** @param needed connections that the migration needs. */
  constructor(needed: number) {
    this.#needed = needed;
    this.#limit = openFilesLimit();
  }

  /** The one to refuse if there are too many: the longest silent, unidentified ones first. */
  surplus(pending: readonly PendingConnection[]): PendingConnection | undefined {
    const spare = pending.length - this.#needed;
    if (spare <= FEWEST) return undefined;
    const newest = pending.at(-1)?.descriptor;
    const scarce = newest !== undefined && this.#limit !== undefined && newest >= this.#limit * SHARE;
    if (spare <= MOST && !scarce) return undefined;
    const rank = ({ role, proven }: PendingConnection): number => (proven ? 2 : role === undefined ? 0 : 1);
    return pending.reduce((found, connection) => {
      const order = rank(connection) - rank(found) || connection.heard - found.heard;
      return order < 0 ? connection : found;
    });
  }
}

import { plain } from './format.js';

/** Connections that are told one by one. */
const TOLD = 20;
/** Refusals that the document has: the last ones. */
const KEPT = 20;

/** A connection that was turned away, in a document. */
export interface RefusedMember {
  readonly peer: string;
  /** It says so if that source may have let go of its guest. */
  readonly reason: string;
}

/** What to say of connections that were turned away: a crowd of strangers must not fill a log. */
export class Refusals {
  #count = 0;
  readonly #last: RefusedMember[] = [];

  /** The last ones, oldest first. */
  get last(): readonly RefusedMember[] {
    return this.#last;
  }

  /** The line for one; none if there is nothing to say any more. */
  note(peer: string, reason: string): readonly string[] {
    this.#count++;
    this.#last.push({ peer, reason });
    if (this.#last.length > KEPT) this.#last.shift();
    if (this.#count <= TOLD) return [`refused ${peer}: ${plain(reason)}`];
    return this.#count === TOLD + 1 ? ['more connections are refused, and not listed'] : [];
  }
}

/** The member of a document about connections that were turned away. */
export function refusedMember(refusals: Refusals | undefined): { refused?: readonly RefusedMember[] } {
  return refusals === undefined || refusals.last.length === 0 ? {} : { refused: refusals.last };
}

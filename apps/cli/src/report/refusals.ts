import { plain } from './format.js';

/** Connections that are told one by one. */
const TOLD = 20;

/** What to say of connections that were turned away: a crowd of strangers must not fill a log. */
export class Refusals {
  #count = 0;

  /** The line for one; none if there is nothing to say any more. */
  note(peer: string, reason: string): readonly string[] {
    this.#count++;
    if (this.#count <= TOLD) return [`refused ${peer}: ${plain(reason)}`];
    return this.#count === TOLD + 1 ? ['more connections are refused, and not listed'] : [];
  }
}

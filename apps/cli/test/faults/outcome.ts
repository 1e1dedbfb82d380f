import type { Case, Role } from './cases.ts';
import type { Kept } from './keeping.ts';

/** What of an end's JSON document matters here. */
export interface Document {
  readonly status: string;
  /** Undefined: null, no guest has come. */
  readonly guestAt: string | undefined;
  readonly errorClass: string | undefined;
  readonly errorDesc: string | undefined;
  readonly hint: string | undefined;
  readonly isVerified: boolean;
  /** Of a source. */
  readonly guestState: string | undefined;
  readonly host: string | undefined;
}

/** A state that an end reported. */
export interface Step {
  readonly status: string;
  /** ms behind the fault; negative: before it. */
  readonly at: number;
}

/** What became of one end. */
export interface EndOutcome {
  readonly role: Role;
  /** The fault was done to this process. */
  readonly isStruck: boolean;
  /** It went on to wait for another source, and had to take its guest: all that follows is about that. */
  readonly hasWaited: boolean;
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Undefined: it printed none. */
  readonly document: Document | undefined;
  /** Without the lines of `--progress json`. */
  readonly stderr: readonly string[];
  readonly steps: readonly Step[];
  /** From the fault to its end; undefined: it had to be killed. */
  readonly seconds: number | undefined;
}

/** What became of a case. */
export interface Outcome {
  readonly case: Case;
  readonly ends: readonly EndOutcome[];
  /** The file, or the snapshot, that the destination was to keep. */
  readonly kept: Kept;
  /** Whatever else is in the folders of the case. */
  readonly left: readonly string[];
  /** Processes and sockets that are left. */
  readonly strays: readonly string[];
}

export function endOf({ ends }: Outcome, role: Role): EndOutcome | undefined {
  return ends.find((each) => each.role === role);
}

import type { ErrorReport } from '../errors.js';

/** What the return path says of reasons. */
export type ReasonMessage =
  /** The destination says why it fails, or why it drops a connection. */
  | { readonly type: 'reason'; readonly reason: ErrorReport }
  /** The destination has closed main: it gives no reason any more. */
  | { readonly type: 'return-path-ended' };

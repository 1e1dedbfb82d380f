import { loadBinding } from './load.js';

/** Whether this package can be used here, or why not and what to do. */
export type HostProbe =
  | { readonly ok: true }
  | { readonly ok: false; readonly reason: string; readonly fix: string };

/** Whether guest memory can be mapped and sockets can block here. Never throws. */
export function probe(): HostProbe {
  const loaded = loadBinding();
  return 'binding' in loaded ? { ok: true } : { ok: false, reason: loaded.reason, fix: loaded.fix };
}

import type { LoadedAddon } from '@multifd/core/host';
import type { NativeBinding } from './binding.js';
import { loadBinding } from './load.js';

/** Whether this package can be used here, or why not and what to do. */
export type HostProbe =
  | { readonly ok: true }
  | { readonly ok: false; readonly reason: string; readonly fix: string };

/** Whether guest memory can be mapped and sockets can block here. Never throws. */
export function probe(): HostProbe {
  return probeOf(loadBinding());
}

/** As `probe`, of an addon that may not be there. */
export function probeOf(loaded: LoadedAddon<Pick<NativeBinding, 'takesMemory'>>): HostProbe {
  if (!('binding' in loaded)) return { ok: false, reason: loaded.reason, fix: loaded.fix };
  if (loaded.binding.takesMemory()) return { ok: true };
  return {
    ok: false,
    reason: `Node ${process.versions.node} lacks node_api_create_external_sharedarraybuffer`,
    fix: 'use a later version of its line: 22.23, 24.18 and 26.4 have it',
  };
}

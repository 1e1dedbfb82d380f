import { exportsFunctions, type LoadedAddon, loadAddon } from '@multifd/core/accelerator';
import type { DsaBinding } from './binding.js';

let loaded: LoadedAddon<DsaBinding> | undefined;

/** Loads the addon once for each thread. */
export function loadBinding(): LoadedAddon<DsaBinding> {
  loaded ??= loadAddon({
    from: import.meta.url,
    binary: 'multifd-dsa',
    packageName: '@multifd/accel-dsa',
    isBinding: (value): value is DsaBinding => exportsFunctions(value, ['features', 'Lane']),
  });
  return loaded;
}

/** @throws Error with the attempts as its cause, where the addon is not there. */
export function requireBinding(): DsaBinding {
  const found = loadBinding();
  if ('binding' in found) return found.binding;
  throw new Error(`${found.reason}; ${found.fix}`, { cause: found.cause });
}

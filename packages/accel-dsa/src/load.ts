import { exportsFunctions, type LoadedAddon, loadAddon, platformTriple } from '@multifd/core/accelerator';
import type { DsaBinding } from './binding.js';
import type { Obstacle } from './obstacle.js';

/** The one platform that its machine code is published for. */
const PUBLISHED = 'linux-x64-gnu';

let loaded: LoadedAddon<DsaBinding> | undefined;

/** Loads the addon once for each thread. */
export function loadBinding(): LoadedAddon<DsaBinding> {
  loaded ??= load();
  return loaded;
}

function load(): LoadedAddon<DsaBinding> {
  const found = loadAddon({
    from: import.meta.url,
    binary: 'multifd-dsa',
    packageName: '@multifd/accel-dsa',
    isBinding: (value): value is DsaBinding => exportsFunctions(value, ['features', 'Lane']),
  });
  return 'binding' in found ? found : { ...found, ...elsewhere(platformTriple()) };
}

/** What is to be said where there is no addon to install; nothing where there is one. */
export function elsewhere(triple: string): Obstacle | undefined {
  if (triple === PUBLISHED) return undefined;
  return {
    reason: `it is for Linux on x64 with glibc, this is ${triple}`,
    fix: 'take another accelerator, or run it on such a machine',
  };
}

/** @throws Error with the attempts as its cause, where the addon is not there. */
export function requireBinding(): DsaBinding {
  const found = loadBinding();
  if ('binding' in found) return found.binding;
  throw new Error(`${found.reason}; ${found.fix}`, { cause: found.cause });
}

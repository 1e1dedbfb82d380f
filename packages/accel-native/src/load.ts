import { exportsFunctions, type LoadedAddon, loadAddon } from '@multifd/core/accelerator';
import type { NativeBinding } from './binding.js';

let loaded: LoadedAddon<NativeBinding> | undefined;

/** Loads the addon once for each thread. */
export function loadBinding(): LoadedAddon<NativeBinding> {
  loaded ??= loadAddon({
    from: import.meta.url,
    binary: 'multifd-accel',
    packageName: '@multifd/accel-native',
    isBinding: (value): value is NativeBinding => exportsFunctions(value, ['kernels', 'Checker']),
  });
  return loaded;
}

import { exportsFunctions, type LoadedAddon, loadAddon, MultifdError } from '@multifd/core/codec';
import type { NativeBinding } from './binding.js';

let loaded: LoadedAddon<NativeBinding> | undefined;

/** Loads the addon once for each thread. */
export function loadBinding(): LoadedAddon<NativeBinding> {
  loaded ??= loadAddon({
    from: import.meta.url,
    binary: 'multifd-codec',
    packageName: '@multifd/codec-native',
    isBinding: (value): value is NativeBinding =>
      exportsFunctions(value, ['version', 'Packer', 'Unpacker', 'FramePacker']),
  });
  return loaded;
}

/** @throws MultifdError `codec-unavailable` where the addon is not there. */
export function requireBinding(): NativeBinding {
  const addon = loadBinding();
  if ('binding' in addon) return addon.binding;
  const { reason, fix, cause } = addon;
  throw new MultifdError('codec-unavailable', reason, { hint: fix, cause });
}

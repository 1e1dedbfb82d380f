import { exportsFunctions, type LoadedAddon, loadAddon, MultifdError } from '@multifd/core/host';
import type { NativeBinding } from './binding.js';

const EXPORTS = [
  'mapMemory',
  'unmapMemory',
  'heldMemory',
  'takesMemory',
  'nextData',
  'nextHole',
  'isOpenForWriting',
  'exchangeNames',
  'waitAny',
  'Memory',
  'NativeInterrupt',
  'NativeSocket',
  'NativeTlsSocket',
  'NativeTracker',
  'NativeDigests',
];

let loaded: LoadedAddon<NativeBinding> | undefined;

/** Loads the addon once for each thread. */
export function loadBinding(): LoadedAddon<NativeBinding> {
  loaded ??= load(process.platform);
  return loaded;
}

/** @throws MultifdError `io` where the addon is not there, with what to do as its hint. */
export function requireBinding(): NativeBinding {
  const result = loadBinding();
  if ('binding' in result) return result.binding;
  throw new MultifdError('io', `@multifd/host-linux cannot be used: ${result.reason}`, {
    hint: result.fix,
    cause: result.cause,
  });
}

/** As `loadBinding`, and nothing is kept. Nothing is looked for where `platform` is not Linux. */
export function load(platform: string): LoadedAddon<NativeBinding> {
  if (platform !== 'linux') {
    const reason = `it is for Linux, this is ${platform}`;
    return { reason, fix: 'use memory and sockets of Node itself here', cause: undefined };
  }
  return loadAddon({
    from: import.meta.url,
    binary: 'multifd-host',
    packageName: '@multifd/host-linux',
    isBinding: (value): value is NativeBinding => exportsFunctions(value, EXPORTS),
  });
}

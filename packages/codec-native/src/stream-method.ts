import type { MethodSetting, MultiFDMethods, Probe } from '@multifd/core/codec';
import type { StreamName } from './binding.js';
import { levelOf } from './level.js';
import { loadBinding, requireBinding } from './load.js';
import { unpackingHooks } from './receive.js';
import { packingHooks } from './send.js';

export interface StreamSettings {
  /** QEMU's name of the method. */
  readonly name: StreamName;
  /** QEMU's bits in a packet's flags. */
  readonly flag: number;
  /** QEMU's parameter for its level. */
  readonly level: MethodSetting;
}

/**
 * A method of QEMU's that is one stream for each channel: a packet's payload is the stream's next bytes, flushed at
 * the packet's end (docs/wire.md, 5). The receiver takes whatever a real QEMU takes.
 */
export function streamMethod({ name, flag, level }: StreamSettings): MultiFDMethods {
  return {
    specVersion: 1,
    name,
    flag,
    settings: [level],
    probe: () => probe(name),
    sendSetup(options) {
      const packer = new (requireBinding().Packer)(name, levelOf(options.settings, level));
      return packingHooks(packer, options);
    },
    recvSetup: (options) => unpackingHooks(new (requireBinding().Unpacker)(name), name, options),
  };
}

function probe(name: StreamName): Probe {
  const loaded = loadBinding();
  if (!('binding' in loaded)) return { ok: false, reason: loaded.reason, fix: loaded.fix };
  return { ok: true, detail: `${name} ${loaded.binding.version(name)}, machine code for ${process.arch}` };
}

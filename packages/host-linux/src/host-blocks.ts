import { type HostBlockDescriptor, type HostBlocks, MultifdError } from '@multifd/core';
import { requireBinding } from './load.js';
import { MappedBlock } from './mapped-block.js';
import { attempt } from './native-error.js';

/** Opens what `mapRam` has mapped, in any thread of the same process. */
export const hostBlocks: HostBlocks = {
  specVersion: 1,
  open(descriptor: HostBlockDescriptor) {
    const { name, length, handle } = descriptor;
    const { mapping } = handle;
    if (typeof mapping !== 'number') {
      throw new MultifdError('usage', `RAM block ${name}: not a descriptor of @multifd/host-linux`);
    }
    const binding = requireBinding();
    const memory = attempt(() => new binding.Memory(mapping), `RAM block ${name}`);
    return new MappedBlock(name, length, mapping, memory);
  },
};

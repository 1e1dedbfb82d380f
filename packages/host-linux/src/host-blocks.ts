import type { HostBlockDescriptor, HostBlocks } from '@multifd/core';
import { DigestBlock } from './digest-block.js';
import { digestsOf, mappingOf } from './handle.js';
import { requireBinding } from './load.js';
import { MappedBlock } from './mapped-block.js';
import { attempt } from './native-error.js';

/** Opens what `mapRam` has mapped, in any thread of the same process; and blocks of a tracker. */
export const hostBlocks: HostBlocks = {
  specVersion: 1,
  open(descriptor: HostBlockDescriptor) {
    const { name, length } = descriptor;
    const mapping = mappingOf(descriptor);
    const digests = digestsOf(descriptor);
    const { Memory, NativeDigests } = requireBinding();
    const where = `RAM block ${name}`;
    const block = new MappedBlock(
      name,
      length,
      mapping,
      attempt(() => new Memory(mapping), where),
    );
    if (digests === undefined) return block;
    return new DigestBlock(
      block,
      attempt(() => new NativeDigests(digests), where),
    );
  },
};

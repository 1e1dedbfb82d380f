import { type HostBlockDescriptor, type HostBlocks, sendAsIs } from '@multifd/core/host';
import { DigestSendingBlock } from './digest-sending-block.js';
import { backingOf, digestsOf, mappingOf } from './handle.js';
import { requireBinding } from './load.js';
import { MappedBlock } from './mapped-block.js';
import { attempt } from './native-error.js';

/** Opens what `mapRam` has mapped, and blocks of a tracker, in any thread of the same process. */
export const hostBlocks: HostBlocks = {
  specVersion: 1,
  open: openMapped,
  openToSend(descriptor) {
    const block = openMapped(descriptor);
    const digests = digestsOf(descriptor);
    if (digests === undefined) return sendAsIs(block);
    const { NativeDigests } = requireBinding();
    try {
      return new DigestSendingBlock(
        block,
        attempt(() => new NativeDigests(digests), `RAM block ${descriptor.name}`),
      );
    } catch (error) {
      block.close();
      throw error;
    }
  },
};

function openMapped(descriptor: HostBlockDescriptor): MappedBlock {
  const { name, length } = descriptor;
  const mapping = mappingOf(descriptor);
  const { Memory } = requireBinding();
  const memory = attempt(() => new Memory(mapping), `RAM block ${name}`);
  return new MappedBlock(name, length, mapping, memory, backingOf(descriptor));
}

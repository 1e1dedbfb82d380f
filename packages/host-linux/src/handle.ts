import { type HostBlockDescriptor, type MemoryBacking, MultifdError } from '@multifd/core/host';

/** The number of the mapping that a descriptor names. @throws MultifdError `usage` for a descriptor of another package. */
export function mappingOf({ name, handle }: HostBlockDescriptor): number {
  const { mapping } = handle;
  if (typeof mapping === 'number') return mapping;
  throw new MultifdError('usage', `RAM block ${name}: not a descriptor of @multifd/host-linux`);
}

/** What lies behind the mapping; undefined if the descriptor does not say. */
export function backingOf({ handle }: HostBlockDescriptor): MemoryBacking | undefined {
  return (['anonymous', 'memfd', 'file'] as const).find((each) => each === handle.backing);
}

/** The number of the digests that a block is to be sent with, if it is. */
export function digestsOf({ handle }: HostBlockDescriptor): number | undefined {
  const { digests } = handle;
  return typeof digests === 'number' ? digests : undefined;
}

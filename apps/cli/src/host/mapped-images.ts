import type { FileBlockDescriptor, RamBlockDescriptor } from '@multifd/core';
import { type MappedRam, mapRam } from '@multifd/host-linux';
import type { HostChoice } from './choose-host.js';

/** Image files as a source's RAM: mapped where the host can, else read by Node. */
export interface MappedImages {
  readonly blocks: readonly RamBlockDescriptor[];
  /** Gives up this owner's share of the mappings. */
  close(): void;
}

/** @throws MultifdError `io` if an image cannot be mapped. */
export function mapImages(images: readonly FileBlockDescriptor[], host: HostChoice): MappedImages {
  if (host.module === undefined) return { blocks: images, close: () => {} };
  const mappings: MappedRam[] = [];
  const close = () => {
    for (const mapping of mappings) mapping.close();
  };
  try {
    for (const { name, length, path, fd, writable, fileOffset = 0 } of images) {
      mappings.push(mapRam({ name, length, kind: 'file', file: fd ?? path, offset: fileOffset, writable }));
    }
  } catch (error) {
    close();
    throw error;
  }
  return { blocks: mappings.map(({ descriptor }) => descriptor), close };
}

import type { IncomingBlock, IncomingRam } from '@multifd/core';
import { MappedRamWriter, type OpenFile, type VmcoreSummary, VmcoreWriter } from '@multifd/qemu';
import type { GuestToKeep } from './incoming-target.js';

/** Writes a guest into one open file, which is of use only after `finish`. */
export interface GuestWriter {
  /** @throws MultifdError */
  openRam(blocks: readonly IncomingBlock[], ahead: number, machineType: string): IncomingRam;
  /** Writes everything else at once, and then waits for the disk. To be called once. @throws MultifdError */
  finish(guest: GuestToKeep): Promise<void>;
}

/** What a guest is kept as, in one file. */
export interface FileFormat {
  /** The prefix of a target: for messages. */
  readonly kind: 'file' | 'core';
  writer(file: OpenFile): GuestWriter;
}

/**
 * A migration file with mapped-ram.
 * @param uuid 16 bytes, which a QEMU that loads the file compares if it has validate-uuid on.
 */
export function mappedRam(uuid?: Uint8Array): FileFormat {
  return {
    kind: 'file',
    writer(file) {
      const writer = new MappedRamWriter(file);
      return {
        openRam: (blocks, ahead) => writer.openRam(blocks, ahead),
        finish: ({ machineType, configuration, receivedPages, rawDeviceState }) =>
          writer.finish({
            machineType,
            configuration,
            receivedPages,
            rawDeviceState,
            ...(uuid === undefined ? {} : { uuid }),
          }),
      };
    },
  };
}

/**
 * An ELF dump.
 * @param ram the blocks that are the machine's RAM, in the order of their addresses. Undefined: the one that is.
 * @param finished hears what is in it.
 */
export function vmcore(
  ram: readonly string[] | undefined,
  finished: (summary: VmcoreSummary) => void,
): FileFormat {
  return {
    kind: 'core',
    writer(file) {
      const writer = new VmcoreWriter(file, ram);
      return {
        openRam: (blocks, _ahead, machineType) => writer.openRam(blocks, machineType),
        finish: async ({ machineType, deviceState, rawDeviceState }) =>
          finished(await writer.finish({ machineType, deviceState, rawDeviceState })),
      };
    },
  };
}

import { MultifdError } from '@multifd/core';
import { copyRam } from '../images/copy-ram.js';
import { PAGE_SIZE } from '../images/page-size.js';
import { describeRawSource, openRawSource } from '../images/raw-source.js';
import type { RestingRam } from './resting-ram.js';

/**
 * Opens RAM images: one file, or the directory of a `raw:` target.
 * @param given the machine type where nobody has noted it.
 * @param otherwise the machine type if it is of no interest.
 * @param note gets a line for what the user should know.
 * @throws MultifdError `usage`, `io`.
 */
export async function openRawRam(
  path: string,
  given: string | undefined,
  note: (line: string) => void,
  otherwise?: string,
): Promise<RestingRam> {
  const manifest = describeRawSource(path);
  const machineType = given ?? manifest?.machineType ?? otherwise;
  if (machineType === undefined) {
    throw new MultifdError('usage', `raw:${path}: nothing says which machine it is of`, {
      hint: 'name it: --machine-type pc-q35-10.0',
    });
  }
  const { blocks, files } = await openRawSource(path, note, manifest);
  return {
    place: `raw:${path}`,
    ram: { pageSize: PAGE_SIZE, blocks },
    machineType,
    configuration: {},
    deviceState: undefined,
    rawDeviceState: { early: new Uint8Array(0), bytes: Uint8Array.of(0), vmdesc: undefined },
    pageSize: PAGE_SIZE,
    blocks: blocks.map(({ name, length }) => ({ name, length })),
    fds: files.map(({ fd }) => fd),
    notes: [`raw:${path} has no device state: the registers of the processors are not in the dump`],
    async copy(ram, signal, progress) {
      await copyRam({ pageSize: PAGE_SIZE, blocks }, ram, signal, progress);
    },
    check() {
      for (const file of files) file.check();
    },
    close() {
      for (const file of files) file.close();
    },
  };
}

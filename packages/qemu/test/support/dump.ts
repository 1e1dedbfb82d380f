import { openRamBlockSync } from '@multifd/core';
import { openMappedRam } from '../../src/mapped-ram/guest.js';
import { type VmcoreSummary, VmcoreWriter } from '../../src/vmcore/writer.js';
import type { TestFolder } from './folder.js';

const PIECE = 4 * 2 ** 20;

/** What QEMU has written with mapped-ram, as a dump. @param ram as that of `VmcoreWriter`. */
export async function dumpFile(
  folder: TestFolder,
  migration: string,
  ram?: readonly string[],
): Promise<{ path: string; summary: VmcoreSummary }> {
  const guest = openMappedRam(migration);
  const file = folder.open('ours');
  const writer = new VmcoreWriter(file, ram);
  const incoming = writer.openRam(guest.ram.blocks, guest.machineType);
  for (const [index, descriptor] of guest.ram.blocks.entries()) {
    const target = incoming.blocks[index];
    if (target === undefined) throw new Error('a block is missing');
    const [from, to] = [openRamBlockSync(descriptor), openRamBlockSync(target)];
    for (let at = 0; at < from.length; ) {
      const known = from.absent(at, from.length - at);
      const length = known > 0 ? known : Math.min(PIECE, -known);
      if (known < 0) to.write(at, from.read(at, length, new Uint8Array(PIECE)));
      at += length;
    }
    from.close();
    to.close();
  }
  return { path: file.path, summary: await writer.finish(guest) };
}

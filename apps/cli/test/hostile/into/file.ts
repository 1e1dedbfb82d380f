import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  decodeDevices,
  inspect,
  inspectFile,
  MemorySource,
  mapMemory,
  openMappedRam,
  openStream,
} from '@multifd/qemu';
import { faultOf } from '../rules.ts';
import type { Ending } from './receive.ts';

/** What `inspect` says of a stream. */
export function inspectBytes(bytes: Uint8Array): Ending {
  return endOf([() => inspect(new MemorySource(bytes))]);
}

/** What `inspect`, `migrate file:` and `convert` read of a file, in `folder`. */
export function readFileBoth(folder: string, bytes: Uint8Array): Ending {
  const path = join(folder, 'guest.mig');
  writeFileSync(path, bytes);
  try {
    return endOf([
      () => inspectFile(path),
      () => openMappedRam(path),
      () => map(path),
      () => readPages(path),
    ]);
  } finally {
    rmSync(path);
  }
}

/** Where a dump would have the blocks. */
function map(path: string): void {
  const { ram, deviceState, rawDeviceState } = openMappedRam(path);
  const { vmdesc } = rawDeviceState;
  const devices = deviceState === undefined || vmdesc === undefined ? [] : decodeDevices(deviceState, vmdesc);
  const named = { ram: ram.blocks.map(({ name }) => name) };
  mapMemory({ machineType: 'q35', blocks: ram.blocks, devices, ...named });
}

function readPages(path: string): void {
  for (const _ of openStream(path).readRam({ page: () => {}, zero: () => {} }));
}

function endOf(reads: readonly (() => unknown)[]): Ending {
  const faults: string[] = [];
  const ends = reads.map((read) => {
    try {
      read();
      return 'read';
    } catch (error) {
      const fault = faultOf(error);
      if (fault !== undefined) faults.push(fault);
      return `refused: ${String(error instanceof Error ? Reflect.get(error, 'code') : undefined)}`;
    }
  });
  return { end: ends.join(', '), faults };
}

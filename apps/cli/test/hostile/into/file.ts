import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspect, inspectFile, MemorySource, openMappedRam } from '@multifd/qemu';
import { faultOf } from '../rules.ts';
import type { Ending } from './receive.ts';

/** What `inspect` says of a stream. */
export function inspectBytes(bytes: Uint8Array): Ending {
  return endOf([() => inspect(new MemorySource(bytes))]);
}

/** What `inspect` and `migrate file:` read of a file, in `folder`. */
export function readFileBoth(folder: string, bytes: Uint8Array): Ending {
  const path = join(folder, 'guest.mig');
  writeFileSync(path, bytes);
  try {
    return endOf([() => inspectFile(path), () => openMappedRam(path)]);
  } finally {
    rmSync(path);
  }
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

import type { VmcoreSummary } from '@multifd/qemu';
import type { Target } from '../options/places.js';
import { mappedRam, vmcore } from './file-formats.js';
import { FileTarget } from './file-target.js';
import type { IncomingTarget } from './incoming-target.js';
import { RawTarget } from './raw-target.js';
import { StoreTarget } from './store-target.js';

interface Settings {
  /** Whether what is already there may be replaced. */
  readonly replace: boolean;
  /** 16 bytes, to be noted where the target has room for it. */
  readonly uuid?: Uint8Array | undefined;
  /** Of a dump: the blocks that are the machine's RAM, in the order of their addresses. */
  readonly ram?: readonly string[] | undefined;
  /** Hears what is in a dump. */
  readonly dumped?: (summary: VmcoreSummary) => void;
}

/**
 * @returns undefined for a guest that stays in memory.
 * @throws MultifdError `usage`, `io`.
 */
export async function openTarget(
  target: Target,
  { replace, uuid, ram, dumped = () => {} }: Settings,
): Promise<IncomingTarget | undefined> {
  switch (target.kind) {
    case 'raw':
      return RawTarget.open(target.directory, uuid === undefined ? { replace } : { replace, uuid });
    case 'file':
      return FileTarget.open(target.path, { replace, format: mappedRam(uuid) });
    case 'core':
      return FileTarget.open(target.path, { replace, format: vmcore(ram, dumped) });
    case 'store':
      return StoreTarget.open(target, uuid === undefined ? { replace } : { replace, uuid });
    case 'memory':
      return undefined;
  }
}

import type { Target } from '../options/places.js';
import { FileTarget } from './file-target.js';
import type { IncomingTarget } from './incoming-target.js';
import { RawTarget } from './raw-target.js';
import { StoreTarget } from './store-target.js';

/**
 * @param replace whether what is already there may be replaced.
 * @param uuid 16 bytes, to be noted where the target has room for it.
 * @returns undefined for a guest that stays in memory.
 * @throws MultifdError `usage`, `io`.
 */
export async function openTarget(
  target: Target,
  replace: boolean,
  uuid?: Uint8Array,
): Promise<IncomingTarget | undefined> {
  const settings = uuid === undefined ? { replace } : { replace, uuid };
  switch (target.kind) {
    case 'raw':
      return RawTarget.open(target.directory, settings);
    case 'file':
      return FileTarget.open(target.path, settings);
    case 'store':
      return StoreTarget.open(target, settings);
    case 'memory':
      return undefined;
  }
}

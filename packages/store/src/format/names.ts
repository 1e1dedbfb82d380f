import { MultifdError } from '@multifd/core/ram';
import { isHashText } from './hash.js';

/** Keys of objects, in the order in which docs/store-format.md has them. */
export const STORE_KEY = 'multifd-store.json';
export const PACKS = 'packs/';
export const SNAPSHOTS = 'snapshots/';
export const LEASES = 'leases/';

const NAME = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;

/** @throws MultifdError `usage` for a name that no snapshot can have. */
export function checkName(name: string): void {
  if (NAME.test(name)) return;
  throw new MultifdError('usage', `snapshot ${JSON.stringify(name)}: not a name for a snapshot`, {
    hint: 'up to 128 letters, digits, dots, dashes and underscores, and no dot or dash first',
  });
}

export function snapshotKey(name: string): string {
  checkName(name);
  return SNAPSHOTS + name;
}

/** @param key below `SNAPSHOTS`. @returns undefined if it is no snapshot's. */
export function nameOf(key: string): string | undefined {
  const name = key.slice(SNAPSHOTS.length);
  return key.startsWith(SNAPSHOTS) && NAME.test(name) ? name : undefined;
}

/** Packs lie in 256 folders: some file systems are slow with many names in one. */
export function packKey(id: string): string {
  return `${PACKS}${id.slice(0, 2)}/${id}`;
}

/** @returns undefined if it is no pack's. */
export function packOf(key: string): string | undefined {
  const id = key.slice(PACKS.length + 3);
  return isHashText(id) && key === packKey(id) ? id : undefined;
}

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { DiskObjects, Store } from '../../dist/index.js';

/** A directory of this test's own, which goes away with it. */
export function tempDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'multifd-store-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** A store of this test's own. */
export async function tempStore(): Promise<{
  readonly directory: string;
  readonly objects: DiskObjects;
  readonly store: Store;
}> {
  const directory = join(tempDirectory(), 'store');
  const objects = new DiskObjects(directory);
  return { directory, objects, store: await Store.openOrMake(objects) };
}

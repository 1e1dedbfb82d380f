import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
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

/** The files of its packs. */
export function packsOf(directory: string): readonly string[] {
  const folder = join(directory, 'packs');
  if (!existsSync(folder)) return [];
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return names.map((name) => join(folder, name)).filter((path) => statSync(path).isFile());
}

import { globSync } from 'node:fs';
import { basename } from 'node:path';
import { defineConfig } from 'tsup';

function named(folder: string, prefix: string): Record<string, string> {
  const files = globSync(`src/${folder}/*.ts`);
  return Object.fromEntries(files.map((file) => [`${prefix}${basename(file, '.ts')}`, file]));
}

export default defineConfig({
  // Each file in src/public is an export of package.json. Each file in src/entries is the entry of a worker thread and must
  // stay a file of its own, in a folder beside what starts it.
  entry: { ...named('public', ''), ...named('entries', 'entries/') },
  format: ['esm'],
  target: 'node22',
  dts: false,
  sourcemap: true,
  clean: true,
});

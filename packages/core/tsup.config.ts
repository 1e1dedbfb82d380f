import { globSync } from 'node:fs';
import { basename } from 'node:path';
import { defineConfig } from 'tsup';

function named(folder: string, prefix: string): Record<string, string> {
  const files = globSync(`src/${folder}/*.ts`);
  return Object.fromEntries(files.map((file) => [`${prefix}${basename(file, '.ts')}`, file]));
}

const build = {
  format: ['esm' as const],
  target: 'node22',
  dts: false,
  sourcemap: true,
};

/** Subpaths that threads load, each in one file: a file more takes a thread more than a millisecond. */
const FOR_THREADS = ['accelerator', 'codec', 'host', 'ram'];

const exported = Object.entries(named('public', ''));

export default defineConfig([
  // Each file in src/public is an export of package.json.
  { ...build, entry: Object.fromEntries(exported.filter(([name]) => !FOR_THREADS.includes(name))) },
  {
    ...build,
    entry: Object.fromEntries(exported.filter(([name]) => FOR_THREADS.includes(name))),
    splitting: false,
  },
  // Each file in src/entries is the entry of a worker thread, in a folder beside what starts it. It is one file with all
  // that it imports: a thread starts with each migration, and loading dozens of files takes longer than all else it does.
  { ...build, entry: named('entries', 'entries/'), splitting: false },
]);

import { mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeRunFolder, removeRunFolder, sweepRunFolders } from './run-folder.ts';

/** vitest calls it once before the first test of a run, and what it returns behind the last. */
export default function setUp(): () => void {
  const parent = tmpdir();
  sweepRunFolders(parent);
  const folder = makeRunFolder(parent);
  // Threads and processes with tests are started with this environment. Most of the time of many a test goes into starting
  // Node: what it has compiled it need not compile again.
  const restore = [
    set('TMPDIR', makeFolder(folder, 'tmp')),
    set('NODE_COMPILE_CACHE', makeFolder(folder, 'cache')),
  ];
  return () => {
    for (const each of restore) each();
    removeRunFolder(folder);
  };
}

function makeFolder(parent: string, name: string): string {
  const path = join(parent, name);
  mkdirSync(path);
  return path;
}

/** Sets a variable of the environment. @returns puts it back. */
function set(name: string, value: string): () => void {
  const before = process.env[name];
  process.env[name] = value;
  return () => {
    if (before === undefined) delete process.env[name];
    else process.env[name] = before;
  };
}

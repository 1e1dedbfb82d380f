import { tmpdir } from 'node:os';
import { makeRunFolder, removeRunFolder, sweepRunFolders } from './run-folder.ts';

/** vitest calls it once before the first test of a run, and what it returns behind the last. */
export default function setUp(): () => void {
  const parent = tmpdir();
  sweepRunFolders(parent);
  const folder = makeRunFolder(parent);
  const before = process.env.TMPDIR;
  // Threads and processes with tests are started with this environment.
  process.env.TMPDIR = folder;
  return () => {
    if (before === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = before;
    removeRunFolder(folder);
  };
}

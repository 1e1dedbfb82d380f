/** Nodes of other lines than the workspace's own: npm's package `node` brings them. */
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

/** A download that stands still is begun again after two minutes; by default npm waits five, twice over. The script inherits it. */
const PATIENT = ['--fetch-timeout=120000', '--fetch-retries=4'];

/** @returns the path of the newest Node of this line, installed below `folder`. */
export function nodeOf(line, folder) {
  mkdirSync(folder, { recursive: true });
  // Its install script fetches and links the binary, so it must run.
  const flags = [
    '--no-audit',
    '--no-fund',
    '--no-save',
    '--ignore-scripts=false',
    '--loglevel=error',
    ...PATIENT,
  ];
  execFileSync('npm', ['install', '--prefix', folder, ...flags, `node@${line}`], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'inherit'],
    shell: process.platform === 'win32',
  });
  return join(folder, 'node_modules', 'node', 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
}

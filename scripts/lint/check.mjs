/**
 * Fails if a source or test file that git knows, or would add, is too long.
 *
 *   node scripts/lint/check.mjs
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { countLines, isSource, LIMIT } from './lines.mjs';

const root = join(import.meta.dirname, '../..');
const known = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
  cwd: root,
  encoding: 'utf8',
});

let sources = 0;
let faults = 0;
for (const file of known.split('\0')) {
  const path = join(root, file);
  // A file that git still knows may be gone from the working tree.
  if (file === '' || !existsSync(path)) continue;
  const text = readFileSync(path, 'utf8');
  if (!isSource(file, text)) continue;
  sources++;
  const lines = countLines(text);
  if (lines < LIMIT) continue;
  faults++;
  console.error(`${file}: ${lines} lines: split it by subject, a file has fewer than ${LIMIT}`);
}

console.log(`lines: ${sources} source files, ${faults} with ${LIMIT} lines or more`);
if (faults > 0 || sources === 0) process.exitCode = 1;

/**
 * Fails if a tracked file cites a section that docs/wire.md does not have, or if a Markdown file links to a file that
 * is not there; or if the native template's files are not the same wherever they stand.
 *
 *   node scripts/docs/check.mjs
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { citationsIn, linksIn, sectionsOf } from './citations.mjs';
import { codeOf } from './guide.mjs';

const root = join(import.meta.dirname, '../..');
const wire = readFileSync(join(root, 'docs/wire.md'), 'utf8');
const known = sectionsOf(wire);
const tracked = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
  cwd: root,
  encoding: 'utf8',
});
// A file that git still knows may be gone from the working tree.
const files = tracked.split('\0').filter((file) => file !== '' && existsSync(join(root, file)));

let citations = 0;
const faults = [];
for (const file of files) {
  if (file.startsWith('scripts/docs/')) continue;
  const text = readFileSync(join(root, file), 'utf8');
  for (const { section, line } of citationsIn(text)) {
    citations++;
    if (!known.has(section)) faults.push(`${file}:${line}: docs/wire.md has no section ${section}`);
  }
  // Its old name: nobody finds it by that.
  if (/\bwire\s+reference\b/i.test(text))
    faults.push(`${file}: says "wire reference": cite docs/wire.md, SECTION`);
  if (!file.endsWith('.md')) continue;
  for (const { target, line } of linksIn(text)) {
    const path = join(root, dirname(file), decodeURI(target));
    if (!existsSync(path)) faults.push(`${file}:${line}: no such file: ${target}`);
  }
}

// One file in three places: whoever copies it from any of them has the same.
const NATIVE = 'docs/writing-a-native-accelerator.md';
const EXAMPLE = 'examples/custom-accelerator-native';
const read = (file) => readFileSync(join(root, file), 'utf8');
for (const [path, code] of codeOf(read(NATIVE)).files) {
  if (code !== read(join(EXAMPLE, path))) faults.push(`${NATIVE}: ${path} is not the one of ${EXAMPLE}`);
}
if (read(`${EXAMPLE}/src/typed_array.rs`) !== read('crates/typed-array/src/lib.rs'))
  faults.push(`${EXAMPLE}/src/typed_array.rs is not crates/typed-array/src/lib.rs`);

for (const fault of faults) console.error(fault);
console.log(
  `documents: ${files.length} files, ${citations} citations of docs/wire.md, ${faults.length} faults`,
);
if (faults.length > 0) process.exitCode = 1;

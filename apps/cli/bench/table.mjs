/**
 * The table of docs/benchmarks.md: the command lines of `table.json`, one after the other, into one file of samples.
 *
 *   pnpm --filter @multifd/cli bench:table [--only TEXT] [--runs N] [--out FILE] [--list]
 *
 * Needs the built command and a QEMU (`.ci/install-qemu`): the one on PATH, and 11.1 where two peers are wanted and it is
 * there. With `--only` the rows that are taken again replace those from before. Samples go to `docs/samples/bench`; `node apps/cli/bench/render.mjs` writes the tables from them.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { machineName } from '@multifd/testing/environment';
import { samplesFile } from '../../../scripts/bench/samples.mjs';

const CLI = fileURLToPath(new URL('../dist/cli.js', import.meta.url));
const FIRST = process.env.MULTIFD_QEMU_10 ?? 'qemu-system-x86_64';
const SECOND =
  process.env.MULTIFD_QEMU_111 ??
  join(process.env.MULTIFD_QEMU_DIR ?? '/opt/multifd-qemu', '11.1', 'qemu-system-x86_64');
/** What the command ends with if it has measured: all of it, or not all. */
const MEASURED = [0, 1];

const { values: options } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    runs: { type: 'string' },
    out: { type: 'string', default: samplesFile('bench', machineName()) },
    list: { type: 'boolean', default: false },
  },
});
const entries = JSON.parse(readFileSync(new URL('table.json', import.meta.url), 'utf8'));
// The whole table begins anew.
if (options.only === '' && !options.list) rmSync(options.out, { force: true });
const began = performance.now();
for (const { name, peers, args } of entries.filter((entry) => entry.name.includes(options.only))) {
  const binaries = peers > 1 && existsSync(SECOND) ? [FIRST, SECOND] : [FIRST];
  const words = ['bench', ...args.split(' '), '--peer', ...binaries, '--samples', options.out];
  if (options.runs !== undefined) words.splice(words.indexOf('--runs'), 2, '--runs', options.runs);
  console.log(`${minutes()}  ${name}: multifd ${words.join(' ')}`);
  if (options.list) continue;
  const { status } = spawnSync(process.execPath, [CLI, ...words], { stdio: ['ignore', 'ignore', 'inherit'] });
  if (!MEASURED.includes(status)) process.exit(status ?? 1);
}
console.log(`${minutes()}  samples: ${options.out}`);

function minutes() {
  return `${((performance.now() - began) / 60_000).toFixed(1)} min`;
}

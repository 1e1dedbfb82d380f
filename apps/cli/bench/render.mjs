/**
 * Writes the generated parts of docs/benchmarks.md and README.md from the samples in docs/samples: of each kind, the newest file.
 *
 *   node apps/cli/bench/render.mjs [--check FILE] [--accel FILE] [--look FILE] [--core FILE] [--qemu FILE] [--store FILE]
 *     [--bench FILE]
 *
 * Needs the built command, which renders its own samples (`bench`).
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { readSamples, samplesFolder } from '../../../scripts/bench/samples.mjs';
import { acceleratorFindings, acceleratorTable, lookTable } from './accelerator-tables.mjs';
import { autoTable, besideMachine, compressionTable } from './beside-tables.mjs';
import { machine } from './figures.mjs';
import { losses } from './findings.mjs';
import { storeFindings, storeMachine, storeTables } from './store/tables.ts';
import { checkTable, codecTable, pathTable } from './tables.mjs';

const KINDS = ['check', 'accel', 'look', 'core', 'qemu', 'store', 'bench'];
/** The built command: it has words and tables for its own samples. */
const CLI = fileURLToPath(new URL('../dist/cli.js', import.meta.url));
/** What it ends with if all was measured, or not all. */
const SHOWN = [0, 1];
const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const DOCUMENTS = ['docs/benchmarks.md', 'README.md'];

const { values: files } = parseArgs({
  options: Object.fromEntries(KINDS.map((kind) => [kind, { type: 'string' }])),
});
const [check, accel, look, core, qemu, store] = KINDS.slice(0, -1).map((kind) => readSamples(newest(kind)));
const bench = newest('bench');

const parts = {
  'check-machine': machine(check.environment, 'Measured on'),
  check: checkTable(check),
  'accel-machine': `${machine(accel.environment, 'Measured on')} Runs: ${accel.runs.length}.`,
  accelerators: acceleratorTable(accel),
  'accelerator-findings': acceleratorFindings(accel),
  'look-machine': `${machine(look.environment, 'Measured on')} Runs: ${look.runs.length}.`,
  look: lookTable(look),
  'core-machine': machine(core.environment, 'Measured on'),
  packets: codecTable(core, 'packet headers'),
  'main-stream': codecTable(core, 'main stream'),
  source: pathTable(core, 'source path'),
  destination: pathTable(core, 'destination path'),
  losses: losses(core),
  'qemu-machine': besideMachine(qemu),
  bench: shown(bench),
  'bench-findings': benchFindings(JSON.parse(shown(bench, '--json'))),
  'qemu-compression': compressionTable(qemu),
  'qemu-auto': autoTable(qemu),
  'store-machine': storeMachine(store),
  'store-tables': storeTables(store),
  'store-findings': storeFindings(store),
};

const used = new Set();
for (const document of DOCUMENTS) {
  const rendered = readFileSync(ROOT + document, 'utf8').replaceAll(
    /(<!-- generated: ([a-z-]+) -->\n)[\s\S]*?(<!-- \/generated -->)/g,
    (_, begin, name, end) => {
      if (parts[name] === undefined) throw new Error(`${document} wants ${name}, which there is not`);
      used.add(name);
      return `${begin}\n${parts[name]}\n\n${end}`;
    },
  );
  writeFileSync(ROOT + document, rendered);
}
for (const name of Object.keys(parts)) {
  if (!used.has(name)) throw new Error(`no document has a place for ${name}`);
}

/** The samples of a kind: as named, else those that were taken last. */
function newest(kind) {
  if (files[kind] !== undefined) return files[kind];
  const folder = samplesFolder(kind);
  const all = (existsSync(folder) ? readdirSync(folder) : [])
    .filter((name) => name.endsWith('.jsonl'))
    .map((name) => {
      const [first] = readFileSync(folder + name, 'utf8').split('\n', 1);
      return { file: folder + name, date: JSON.parse(first).environment.date };
    });
  const last = all.toSorted((a, b) => a.date.localeCompare(b.date)).at(-1);
  if (last === undefined) throw new Error(`no samples in ${folder}: run pnpm bench or bench:table first`);
  return last.file;
}

/** What the command says of a file of its samples. */
function shown(file, ...words) {
  const args = [CLI, 'bench', '--from', file, ...words];
  const { status, stdout } = spawnSync(process.execPath, args, {
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (!SHOWN.includes(status)) throw new Error(`multifd bench --from ${file} ended with ${status}`);
  return stdout.trimEnd();
}

/** For README: how two multifds did beside QEMU, with two channels. */
function benchFindings({ findings }) {
  const plain = /^[^,]+, 2 channels$/;
  return findings
    .filter(({ row, contender }) => contender === 'multifd' && plain.test(row))
    .map(({ row, words }) => `- **${row}:** ${words}`)
    .join('\n');
}

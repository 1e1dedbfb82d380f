/**
 * Writes the generated parts of docs/benchmarks.md and README.md from the samples in docs/samples: of each kind, the newest file.
 *
 *   node apps/cli/bench/render.mjs [--check FILE] [--accel FILE] [--look FILE] [--core FILE] [--loopback FILE]
 *                                [--beside FILE] [--qemu FILE]
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { readSamples, samplesFolder } from '../../../scripts/bench/samples.mjs';
import { acceleratorFindings, acceleratorTable, lookTable } from './accelerator-tables.mjs';
import { autoTable, besideFindings, besideMachine, besideTable, compressionTable } from './beside-tables.mjs';
import { machine } from './figures.mjs';
import { loopbackFindings, losses } from './findings.mjs';
import {
  ceilingTable,
  checkTable,
  codecTable,
  detectionTable,
  memoryTable,
  pathTable,
  populateTable,
  shareTable,
} from './tables.mjs';

const KINDS = ['check', 'accel', 'look', 'core', 'loopback', 'beside', 'qemu'];
const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const DOCUMENTS = ['docs/benchmarks.md', 'README.md'];

const { values: files } = parseArgs({
  options: Object.fromEntries(KINDS.map((kind) => [kind, { type: 'string' }])),
});
const [check, accel, look, core, loopback, beside, qemu] = KINDS.map((kind) => load(kind));

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
  'loopback-machine': `${machine(loopback.environment, 'Measured on')} ${counted(loopback)}${leftOut(loopback)}`,
  share: shareTable(loopback),
  ceilings: ceilingTable(loopback),
  populate: populateTable(loopback),
  detection: detectionTable(loopback),
  memory: memoryTable(loopback),
  findings: loopbackFindings(loopback),
  losses: losses(loopback, core),
  'qemu-machine': besideMachine(qemu),
  'beside-machine': besideMachine(beside),
  'beside-written': besideTable(beside, 'written'),
  'beside-findings': besideFindings(beside),
  'qemu-compression': compressionTable(qemu),
  'qemu-auto': autoTable(qemu),
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

function load(kind) {
  if (files[kind] !== undefined) return readSamples(files[kind]);
  const folder = samplesFolder(kind);
  const all = readdirSync(folder)
    .filter((name) => name.endsWith('.jsonl'))
    .map((name) => readSamples(folder + name));
  const newest = all.toSorted((a, b) => a.environment.date.localeCompare(b.environment.date)).at(-1);
  if (newest === undefined) throw new Error(`no samples in ${folder}: run pnpm bench first`);
  return newest;
}

function counted({ repeats }) {
  return repeats === 1 ? 'One run each.' : `Runs of each: ${repeats}.`;
}

function leftOut({ runs }) {
  const missing = runs.filter((run) => run.leftOut !== undefined);
  if (missing.length === 0) return '';
  return ` Left out, at least once: ${missing.map((run) => `${run.id} (${run.leftOut})`).join('; ')}.`;
}

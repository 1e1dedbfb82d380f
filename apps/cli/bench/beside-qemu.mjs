/**
 * The same guests from a QEMU to a QEMU and from a multifd to a multifd, in turns, in the same run.
 *
 *   pnpm --filter @multifd/cli bench:qemu [--only TEXT] [--repeats N] [--out FILE]
 *
 * Needs the built command and a QEMU 10 (`.ci/install-qemu`). Images are written to a folder in shared memory, so that
 * no disk is measured. Every sample goes to `docs/samples/qemu`; `node apps/cli/bench/render.mjs` makes
 * the tables of docs/benchmarks.md from it.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { environment, machineName } from '@multifd/testing/environment';
import { samplesFile, writeSamples } from '../../../scripts/bench/samples.mjs';
import { writeImage } from './beside-images.mjs';
import { plan, sides } from './beside-plan.mjs';
import { qemuToQemu, qemuVersion } from './beside-qemu-side.mjs';

const CLI = fileURLToPath(new URL('../dist/cli.js', import.meta.url));
const PATIENCE = 180_000;

const { values: options } = parseArgs({
  options: { only: { type: 'string' }, repeats: { type: 'string' }, out: { type: 'string' } },
});
const repeats = Number(options.repeats ?? 3);
if (!Number.isInteger(repeats) || repeats < 1) throw new RangeError('--repeats takes a whole number from 1');
const version = await qemuVersion();
if (version === undefined) throw new Error('no QEMU is installed: bash .ci/install-qemu');
const where = { ...environment(), qemu: version };

const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'multifd-beside-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
const runs = plan.filter(({ id }) => id.includes(options.only ?? '')).flatMap(sides);
let image = '';
for (const run of runs) run.samples = [];
const rounds = Math.max(...runs.map(turns));
for (let round = 0; round < rounds; round++) {
  for (const run of runs.filter((each) => round < turns(each))) {
    const sample =
      run.side === 'qemu' ? await qemuToQemu({ ...run, image: imageOf(run) }, folder) : await ours(run);
    run.samples.push(sample);
    const cpu = (sample.cpu.source + sample.cpu.destination) / 1000;
    const mib = Math.round(sample.transferred / 2 ** 20);
    console.log(
      `${round + 1}/${turns(run)}  ${`${run.id}, ${run.side}`.padEnd(72)}${sample.ms} ms  CPU ${cpu.toFixed(2)} s  ${mib} MiB`,
    );
  }
}

const out = options.out ?? samplesFile('qemu', machineName());
writeSamples(out, { environment: where, runs }, 'runs');
console.log(`samples: ${out}`);

/** Some guests take more turns than others. */
function turns(run) {
  return Math.max(repeats, run.repeats ?? 0);
}

/** One image at a time is there: they are large. */
function imageOf({ content, size }) {
  if (content === 'untouched') return undefined;
  const path = join(folder, `${content}-${size}`);
  if (image !== path) {
    if (image !== '') rmSync(image);
    writeImage(path, size, content);
    image = path;
  }
  return path;
}

async function ours(run) {
  const { content, size, channels, compression, level, detection, args } = run;
  const path = imageOf(run);
  const source = path === undefined ? `demo:${size},zero=1` : `raw:${path}`;
  const command = [
    ...['migrate', source, 'loopback', '--no-verify', '--json', '--channels', `${channels}`],
    ...['--zero-page-detection', detection, '--multifd-compression', compression],
    ...(level === undefined ? [] : [`--multifd-${compression}-level`, `${level}`]),
    ...args,
  ];
  const child = spawn(process.execPath, [CLI, ...command], {
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: PATIENCE,
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text) => (stderr += text));
  const code = await new Promise((resolve) => child.once('close', resolve));
  if (code !== 0) throw new Error(`multifd ${command.join(' ')} (${content}) ended with ${code}\n${stderr}`);
  const document = JSON.parse(stdout);
  return {
    ms: document['total-time'],
    transferred: document.ram.transferred,
    cpu: document['cpu-time'],
    accelerator: document.accelerator.name,
    ...(compression === 'auto' ? { chosen: document.compression.chosen?.name ?? 'nothing' } : {}),
  };
}

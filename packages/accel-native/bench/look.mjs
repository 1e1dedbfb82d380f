/**
 * Does a quick look at a few bytes of a page, before all of it is read, pay? Each kernel with each look, over memory
 * that is zero, mixed and full, in cache and out. Contenders take turns, sample by sample, and each round starts with
 * another one; every run is a process of its own.
 *
 *   node bench/look.mjs [--runs 5] [--samples 15] [--json]
 *
 * `--json` keeps all samples in docs/samples/look, for `docs/benchmarks.md`: node apps/cli/bench/render.mjs.
 */
import { execFileSync } from 'node:child_process';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { samplesFile, writeSamples } from '../../../scripts/bench/samples.mjs';
import { LOOKS, MEMORIES, PLACES } from './look-cases.mjs';

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '5' },
    samples: { type: 'string', default: '15' },
    json: { type: 'boolean', default: false },
  },
});

const oneRun = fileURLToPath(new URL('look-run.mjs', import.meta.url));
const runs = [];
for (let run = 0; run < Number(values.runs); run++) {
  process.stderr.write(`run ${run + 1} of ${values.runs}\n`);
  runs.push(JSON.parse(execFileSync(process.execPath, [oneRun, values.samples], { maxBuffer: 2 ** 28 })));
}

const median = (numbers) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1];

if (values.json) {
  const date = new Date().toISOString();
  const environment = {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    node: process.versions.node,
    arch: process.arch,
    date,
  };
  const [major] = environment.node.split('.');
  const machine = `${environment.cpu.trim()} ${environment.cores} cores node${major}`;
  const file = machine.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');
  writeSamples(samplesFile('look', file), { environment, runs }, 'runs');
}

for (const kernel of Object.keys(runs[0])) {
  for (const memory of MEMORIES) {
    for (const place of Object.keys(PLACES)) {
      const cells = LOOKS.map((look) => {
        const medians = runs.map((run) => median(run[kernel][`${memory}, ${place}`][look]) / 1e3);
        const shown = [median(medians), Math.min(...medians), Math.max(...medians)].map((rate) =>
          rate.toFixed(1),
        );
        return `${look} ${shown[0]} (${shown[1]}-${shown[2]})`;
      });
      process.stdout.write(`${kernel}, ${memory} memory, ${place}: ${cells.join(', ')} GB/s\n`);
    }
  }
}

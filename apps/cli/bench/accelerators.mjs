/**
 * `multifd accel bench` several times over, each time in a process of its own: the accelerators beside plain reading.
 *
 *   pnpm --filter @multifd/cli bench:accel [--runs 5] [--samples 11] [--out FILE]
 *
 * Needs the built command. All samples go to docs/samples/accel, in MB/s (1e6 bytes);
 * `node apps/cli/bench/render.mjs` makes the table and the sentences of docs/benchmarks.md from them.
 */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { environment, machineName } from '@multifd/testing/environment';
import { samplesFile, writeSamples } from '../../../scripts/bench/samples.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

const { values: options } = parseArgs({
  options: {
    runs: { type: 'string', default: '5' },
    samples: { type: 'string', default: '11' },
    out: { type: 'string', default: samplesFile('accel', machineName()) },
  },
});

const args = ['accel', 'bench', '--json', '--samples', options.samples];
const example = here('../../../examples/custom-accelerator');
const where = environment();
const runs = [];
let ceiling = '';
for (let run = 0; run < Number(options.runs); run++) {
  console.log(`run ${run + 1} of ${options.runs}`);
  const command = [here('../dist/cli.js'), ...args, '--accel', example];
  const output = execFileSync(process.execPath, command, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const document = JSON.parse(output);
  ceiling = document.ceiling;
  runs.push(document.results.map(kept));
}
writeSamples(options.out, { environment: where, command: args.join(' '), ceiling, runs }, 'runs');

/** Of one memory: `plain read` first, then each accelerator. */
function kept({ memory, place, bytes, 'plain-read': read, accelerators }) {
  const all = [{ name: 'plain read', rates: read }, ...accelerators];
  const rates = all.map(({ name, rates: { samples } }) => [
    name,
    samples.map((rate) => Math.round(rate / 1e6)),
  ]);
  return { memory, place, bytes, rates: Object.fromEntries(rates) };
}

/**
 * What the wire codec and the two ends of a channel cost, apart from sockets.
 *
 *   pnpm --filter @multifd/core bench [--quick] [--samples N] [--out FILE]      needs 3 GiB of memory
 *
 * Writes every sample to `docs/samples/core`, as `scripts/bench/samples.mjs` reads it (`--quick`: nowhere unless
 * `--out`).
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { environment, machineName } from '@multifd/testing/environment';
import { mainStream } from './main-stream.js';
import { measure, type Result } from './measure.js';
import { packetHeaders } from './packets.js';
import { paths } from './paths.js';

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    samples: { type: 'string' },
    out: { type: 'string' },
  },
});
const samples = Number(options.samples ?? (options.quick ? 3 : 15));
if (!Number.isInteger(samples) || samples < 1) throw new RangeError('--samples takes a whole number from 1');
// The bundle is in bench/dist.
const samplesOf = `../../../../docs/samples/core/${machineName()}.jsonl`;
const standard = fileURLToPath(new URL(samplesOf, import.meta.url));
const out = options.out ?? (options.quick ? undefined : standard);

const where = environment();
const results: Result[] = [];
for (const group of [packetHeaders(), mainStream(), ...(await paths())]) {
  results.push(...(await measure(group, samples)));
}

console.log(
  `${where.cpu}, ${where.cores} cores, Node ${where.node}; ns a page of 4 KiB, median of ${samples}`,
);
let group = '';
for (const result of results) {
  if (result.group !== group) console.log(`\n${result.group}`);
  group = result.group;
  const sorted = result.nsPerPage.toSorted((a, b) => a - b);
  const [median = 0, low = 0, high = 0] = [sorted[sorted.length >> 1], sorted[0], sorted.at(-1)];
  const spread = `(${low.toFixed(1)}-${high.toFixed(1)})`;
  console.log(`  ${result.name.padEnd(50)}${median.toFixed(1).padStart(8)}  ${spread}`);
}
if (out !== undefined) {
  mkdirSync(dirname(out), { recursive: true });
  const lines = [{ environment: where, rows: 'results' }, ...results];
  writeFileSync(out, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  console.log(`\nsamples: ${out}`);
}

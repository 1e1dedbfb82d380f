/**
 * How fast the check is, beside reading and copying the same memory. GB/s is 1e9 bytes of guest memory per
 * second, whether or not the check had to read all of them. All ways take turns, sample by sample, and
 * each round starts with another one.
 *
 *   node bench/check.mjs [--json] [--ways] [--samples N]     needs the built package and 5 GiB of memory
 *
 * `--json` prints the samples, as a file of docs/samples/check has them.
 */
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { toLines } from '../../../scripts/bench/samples.mjs';
import { accelerators } from '../dist/index.js';
import { cases, PAGE } from './cases.mjs';
import { ceilings, nativeCeiling, viewsOf, ways } from './ways.mjs';

const { values: options } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    ways: { type: 'boolean', default: false },
    samples: { type: 'string', default: '11' },
  },
});
const samples = Number(options.samples);
if (!Number.isInteger(samples) || samples < 1) throw new RangeError('--samples takes a whole number from 1');

const [accelerator] = accelerators;
const detector = await accelerator.open({ pageSize: PAGE });
const batchSize = accelerator.capabilities.preferredBatch;
const offsets = new Float64Array(batchSize);
const isZero = new Uint8Array(batchSize);

/** Goes through the memory in ascending batches, as a channel does, filling in the offsets as it goes. */
const inBatches = (check) => (views) => {
  for (let start = 0; start < views.bytes.length; start += batchSize * PAGE) {
    for (let i = 0; i < batchSize; i++) offsets[i] = start + i * PAGE;
    check(views, offsets, batchSize, isZero);
  }
};

const contenders = {
  [`chosen (${accelerator.name})`]: inBatches((views, places, count, answers) =>
    detector.detect({ memory: views.bytes, offsets: places, count }, answers),
  ),
  ...ceilings,
};
if (options.ways) for (const [name, check] of Object.entries(ways)) contenders[name] = inBatches(check);

function rate(work, views, passes) {
  const began = performance.now();
  for (let pass = 0; pass < passes; pass++) work(views);
  return (views.bytes.length * passes) / (performance.now() - began) / 1e6;
}

/** Samples stay in the order in which they were taken; to a tenth, which is finer than they repeat. */
function summary(rates) {
  const samples = rates.map((gb) => Math.round(gb * 10) / 10);
  const sorted = samples.toSorted((a, b) => a - b);
  return { median: sorted[sorted.length >> 1], lowest: sorted[0], highest: sorted.at(-1), samples };
}

const results = [];
for (const { name, passes, make } of cases) {
  const views = viewsOf(make());
  const entries = Object.entries(
    name.startsWith('zero') ? { ...contenders, ...nativeCeiling } : contenders,
  ).map(([way, work]) => ({ way, work, rates: [] }));
  // The first round warms up and does not count.
  for (let round = 0; round <= samples; round++) {
    for (let turn = 0; turn < entries.length; turn++) {
      const { work, rates } = entries[(turn + round) % entries.length];
      const measured = rate(work, views, passes);
      if (round > 0) rates.push(measured);
    }
  }
  for (const { way, rates } of entries) results.push({ case: name, way, gbPerSecond: summary(rates) });
}
await detector.close();

const environment = {
  cpu: cpus()[0].model,
  cores: cpus().length,
  node: process.versions.node,
  arch: process.arch,
  date: new Date().toISOString().slice(0, 10),
  pageSize: PAGE,
  batch: batchSize,
};
if (options.json) {
  process.stdout.write(toLines({ environment, results }, 'results'));
} else {
  const { cpu, cores, node, arch, date } = environment;
  console.log(
    `${cpu}, ${cores} cores, Node ${node} ${arch}, ${date}; pages of ${PAGE}, batches of ${batchSize}`,
  );
  console.log(`GB/s of one thread: median (lowest-highest) of ${samples}`);
  for (const { name } of cases) {
    console.log(`\n${name}`);
    for (const { case: of, way, gbPerSecond: g } of results) {
      if (of !== name) continue;
      const spread = `(${g.lowest.toFixed(1)}-${g.highest.toFixed(1)})`;
      console.log(`  ${way.padEnd(52)}${g.median.toFixed(1).padStart(7)}  ${spread}`);
    }
  }
}

/**
 * Guests at rest: `multifd receive … store:DIR#NAME` beside `file:` and QEMU's own mapped-ram, in turns.
 *
 *   pnpm --filter @multifd/cli bench:store [--guest SIZE:CONTENT]... [--runs N] [--folder DIR] [--peer QEMU] [--out FILE]
 *     [--continue]
 *
 * SIZE and CONTENT in MiB; without them, the guests of docs/benchmarks.md. Needs the built command, a QEMU with mapped-ram (9.0
 * or later), and free space in DIR (the temporary folder, unless given) for eight times the content. Samples go to
 * `docs/samples/store` as they are taken, and
 * with --continue those of another run go on; `node apps/cli/bench/render.mjs` writes tables and sentences from them.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { environment, machineName } from '@multifd/testing/environment';
import { readSamples, samplesFile, writeSamples } from '../../../../scripts/bench/samples.mjs';
import { figure } from '../../src/bench/figures.ts';
import { contendersBeside } from './contenders.ts';
import { CHANNELS } from './guest-qemu.ts';
import { plansOf } from './guests.ts';
import { measurePlans } from './measure.ts';
import { roundsOf, wholeTurns, withSample } from './samples.ts';
import { storeFindings, storeMachine, storeTables } from './tables.ts';

const text = { type: 'string' };
const { values: options } = parseArgs({
  options: {
    guest: { ...text, multiple: true },
    runs: text,
    folder: text,
    peer: text,
    out: text,
    continue: { type: 'boolean' },
  },
});
const { peer: binary = 'qemu-system-x86_64', out = samplesFile('store', machineName()) } = options;
const plans = plansOf(options.guest, options.runs);
const version = execFileSync(binary, ['--version'], { encoding: 'utf8' });
const qemu = /version (\d+\.\d+\.\d+)/.exec(version)?.[1] ?? 'unknown';
const contenders = contendersBeside(`QEMU ${qemu}`);
// Rounds that were taken before, on the same machine and the same multifd.
const before = options.continue ? readSamples(out) : { environment: { ...environment(), qemu }, series: [] };
const where = before.environment;
const names = contenders.map(({ name }) => name);
const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => stop.abort(new Error(`ended by ${signal}`)));
}
const folder = mkdtempSync(join(options.folder ?? tmpdir(), 'mfd-store-'));
const began = performance.now();
let series = wholeTurns(before.series, names);
const done = (guest) => roundsOf(before.series, guest, names);
try {
  const setting = { binary, folder, signal: stop.signal };
  await measurePlans(plans, contenders, setting, done, (turn, sample) => {
    series = withSample(series, turn, sample);
    writeSamples(out, { environment: where, channels: CHANNELS, series }, 'series');
    const { size, content } = turn.guest;
    const minutes = ((performance.now() - began) / 60_000).toFixed(1);
    const what = `${size / 2 ** 20}:${content / 2 ** 20} ${turn.operation}, ${turn.contender}`;
    console.log(`${minutes} min  ${what}: ${figure(sample.ms / 1000)} s`);
  });
} catch (error) {
  console.error(`store benchmark: ${stop.signal.aborted ? stop.signal.reason.message : error.message}`);
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
if (series.length > 0) {
  const samples = { environment: where, channels: CHANNELS, series };
  console.log(
    [storeMachine(samples), storeTables(samples), storeFindings(samples), `samples: ${out}`].join('\n\n'),
  );
}

/**
 * Whole migrations over loopback with the real command, beside what the machine can do at best.
 *
 *   pnpm --filter @multifd/cli bench [--quick] [--repeats N] [--out FILE]
 *
 * Needs the built command. All runs take turns, and each round starts with another one. A run that would not fit
 * into free memory is left out and noted. Every sample goes to `docs/samples/loopback` (`--quick`: nowhere
 * unless `--out`); `node apps/cli/bench/render.mjs` makes the tables of docs/benchmarks.md from it.
 */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { environment, machineName } from '@multifd/testing/environment';
import { samplesFile, writeSamples } from '../../../scripts/bench/samples.mjs';
import { command } from './command.mjs';
import { plan } from './plan.mjs';
import { warm } from './warm.mjs';
import { warmUntilConnected } from './warm-until-connected.mjs';

const CEILINGS = fileURLToPath(new URL('ceilings.mjs', import.meta.url));
/** ms that one run may take. */
const PATIENCE = 180_000;
/** Bytes of memory that stay free whatever is run. */
const RESERVE = 2 * 2 ** 30;

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    repeats: { type: 'string' },
    out: { type: 'string' },
  },
});
const repeats = Number(options.repeats ?? (options.quick ? 1 : 3));
if (!Number.isInteger(repeats) || repeats < 1) throw new RangeError('--repeats takes a whole number from 1');
const out = options.out ?? (options.quick ? undefined : samplesFile('loopback', machineName()));

const where = environment();
const runs = plan(options.quick).map((run) => ({ ...run, samples: [] }));
const began = performance.now();
for (let round = 0; round < repeats; round++) {
  for (let turn = 0; turn < runs.length; turn++) {
    const run = runs[(turn + round) % runs.length];
    if (run.needs + RESERVE > available()) {
      run.leftOut = `needs ${gib(run.needs)}, ${gib(available())} were free`;
      console.log(`left out: ${run.id}: ${run.leftOut}`);
      continue;
    }
    const sample = await take(run);
    run.samples.push(sample);
    console.log(`${round + 1}/${repeats}  ${run.id.padEnd(94)}${line(run, sample)}`);
  }
}
console.log(`\n${Math.round((performance.now() - began) / 1000)} s`);

if (out !== undefined) {
  writeSamples(out, { environment: where, repeats, runs }, 'runs');
  console.log(`samples: ${out}`);
}

function take(run) {
  if (run.kind === 'migration') return migrate(run);
  if (run.kind === 'copy') return copy(run);
  return alone(run);
}

async function alone({ kind, bytes }) {
  if (kind === 'touch') await warm(bytes);
  const { ms, cpu, peakRss } = await helper([kind, `${bytes}`]).report;
  return { ms: Math.round(ms), cpu: Math.round(cpu), peakRss };
}

/**
 * The destination is a process of its own, so that its memory can be warm: the holder gives it up when the source, which
 * has made its guest by then, connects.
 */
async function migrate({ args, channels, touches }) {
  const receiving = command([
    'receive',
    'tcp:127.0.0.1:0',
    '--json',
    '--no-verify',
    '--channels',
    `${channels}`,
  ]);
  const address = await receiving.listening;
  const [name, guest, ...others] = args;
  const start = () => command([name, guest, address, ...others]);
  const migrating = await warmUntilConnected(touches, receiving.child, start);
  const [document, received] = await Promise.all([migrating.document, receiving.document]);
  const { ram } = document;
  return {
    ms: document['total-time'],
    setup: document['setup-time'],
    downtime: document.downtime,
    total: ram.total,
    transferred: ram.transferred,
    normalBytes: ram['normal-bytes'],
    zeroBytes: ram['zero-bytes'],
    cpu: { source: document['cpu-time'].source, destination: received['cpu-time'].destination },
    peakRss: { source: document['peak-rss'].source, destination: received['peak-rss'].destination },
  };
}

async function copy({ bytes, into }) {
  if (into === 'fresh') await warm(bytes);
  const source = helper(['source', `${bytes}`]);
  const { port } = await source.listening;
  const sink = helper(['sink', `${port}`, `${bytes}`, into]);
  const [sent, read] = await Promise.all([source.report, sink.report]);
  return {
    ms: Math.round(read.ms),
    cpu: { source: Math.round(sent.cpu), destination: Math.round(read.cpu) },
    peakRss: { source: sent.peakRss, destination: read.peakRss },
  };
}

/** A process of `ceilings.mjs`, as promises of what it says. */
function helper(args) {
  const child = spawn(process.execPath, [CEILINGS, ...args], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    timeout: PATIENCE,
  });
  const said = { listening: Promise.withResolvers(), report: Promise.withResolvers() };
  child.on('message', (message) => said[message.type]?.resolve(message));
  const fail = (why) => {
    for (const each of Object.values(said)) each.reject(new Error(`${args.join(' ')}: ${why}`));
  };
  child.once('error', (error) => fail(error.message));
  child.once('exit', (code, signal) => fail(`ended with ${code ?? signal}`));
  said.listening.promise.catch(() => {});
  return { listening: said.listening.promise, report: said.report.promise };
}

function available() {
  const [, kibibytes] = /^MemAvailable:\s+(\d+) kB$/m.exec(readFileSync('/proc/meminfo', 'latin1')) ?? [];
  return Number(kibibytes) * 1024;
}

function gib(bytes) {
  return `${(bytes / 2 ** 30).toFixed(1)} GiB`;
}

function line({ bytes }, { ms, cpu }) {
  const seconds = (value) => `${(value / 1000).toFixed(2)} s`;
  const cpus =
    typeof cpu === 'number' ? seconds(cpu) : `${seconds(cpu.source)} + ${seconds(cpu.destination)}`;
  const rate = ms > 0 && bytes > 0 ? `${(bytes / ms / 1e6).toFixed(2)} GB/s` : '';
  return `${seconds(ms).padStart(8)}  ${rate.padStart(10)}  CPU ${cpus}`;
}

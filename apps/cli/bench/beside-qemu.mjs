/**
 * The same guests from a QEMU to a QEMU and from a multifd to a multifd, in turns, in the same run.
 *
 *   pnpm --filter @multifd/cli bench:qemu [--only TEXT] [--repeats N] [--out FILE]
 *
 * Needs the built command and a QEMU (`.ci/install-qemu`): 10.0, and 11.1 if it is there. Images are written to a folder in
 * shared memory, so that no disk is measured. All go over TCP on loopback. Right before each migration, when both ends
 * have started, as much memory is touched and freed as they will touch (`warm.mjs`); each round begins with another
 * contender. Samples go to `docs/samples/beside`, those of compression to `docs/samples/qemu`, where they replace those of
 * the same guests; `node apps/cli/bench/render.mjs` makes the tables of docs/benchmarks.md from them.
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { environment, machineName } from '@multifd/testing/environment';
import { readSamples, samplesFile, writeSamples } from '../../../scripts/bench/samples.mjs';
import { writeImage } from './beside-images.mjs';
import { multifdToMultifd } from './beside-ours.mjs';
import { plan, sides } from './beside-plan.mjs';
import { qemuToQemu, qemuVersion } from './beside-qemu-side.mjs';
import { quiet } from './quiet.mjs';

const UNPACKED = process.env.MULTIFD_QEMU_DIR ?? '/opt/multifd-qemu';
const BINARIES = [
  process.env.MULTIFD_QEMU_10 ?? 'qemu-system-x86_64',
  process.env.MULTIFD_QEMU_111 ?? join(UNPACKED, '11.1', 'qemu-system-x86_64'),
];
/** Groups whose samples are of compression. */
const COMPRESSION = ['compression', 'auto'];

const { values: options } = parseArgs({
  options: { only: { type: 'string' }, repeats: { type: 'string' }, out: { type: 'string' } },
});
const repeats = Number(options.repeats ?? 5);
if (!Number.isInteger(repeats) || repeats < 1) throw new RangeError('--repeats takes a whole number from 1');
const qemus = [];
for (const binary of BINARIES) {
  const version = await qemuVersion(binary);
  if (version !== undefined) qemus.push({ binary, version });
}
if (qemus.length === 0) throw new Error('no QEMU is installed: bash .ci/install-qemu');
const where = { ...environment(), qemu: qemus.map(({ version }) => version).join(' and ') };

const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'multifd-beside-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
for (const guest of plan.filter(({ id }) => id.includes(options.only ?? ''))) {
  const image = imageOf(guest);
  const { date, commit } = where;
  const runs = sides(guest, qemus).map((run) => ({ ...run, date, commit, samples: [] }));
  const turns = Math.max(repeats, guest.repeats ?? 0);
  for (let round = 0; round < turns; round++) {
    for (let turn = 0; turn < runs.length; turn++) {
      await take(runs[(turn + round) % runs.length], image, round, turns);
    }
  }
  if (image !== undefined) rmSync(image);
  keep(guest, runs);
}

/** Replaces what was measured of the same guest before. */
function keep({ id, group }, runs) {
  const out = options.out ?? samplesFile(COMPRESSION.includes(group) ? 'qemu' : 'beside', machineName());
  const others = existsSync(out) ? readSamples(out).runs.filter((run) => run.id !== id) : [];
  const order = plan.map((each) => each.id);
  const all = [...others, ...runs].toSorted((a, b) => order.indexOf(a.id) - order.indexOf(b.id));
  // Where a binary lies is this machine's own.
  const shown = all.map(({ binary: _, ...run }) => run);
  writeSamples(out, { environment: where, runs: shown }, 'runs');
  console.log(`samples: ${out}`);
}

async function take(run, image, round, turns) {
  const others = await quiet();
  const sample =
    'binary' in run ? await qemuToQemu({ ...run, image }, folder) : await multifdToMultifd(run, image);
  run.samples.push({ ...sample, others });
  const cpu = (sample.cpu.source + sample.cpu.destination) / 1000;
  const mib = (bytes) => Math.round(bytes / 2 ** 20);
  console.log(
    `${round + 1}/${turns}  ${`${run.id}, ${run.side}`.padEnd(64)}${sample.ms} ms  CPU ${cpu.toFixed(2)} s  ` +
      `${mib(sample.transferred)} MiB  peak RSS there ${mib(sample.peakRss.destination)} MiB  others ${others}`,
  );
}

function imageOf({ content, size }) {
  if (content === 'untouched') return undefined;
  const path = join(folder, `${content}-${size}`);
  writeImage(path, size, content);
  return path;
}

/**
 * How fast each way to compress a channel's pages is, and how much it makes of them, beside what a QEMU of this machine
 * does on the same pages: CPU seconds, so that a busy machine counts less; the best of some runs, all ways in turn.
 *
 *   node bench/compare.mjs [--mib 64] [--runs 3] [--levels 1,6] [--ways qemu,native] [--out FILE.jsonl]
 *
 * Way `linked` (zstd only): QEMU's calls with the zstd that this package links.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { writeSamples } from '../../../scripts/bench/samples.mjs';
import { buildLinkedZstd } from './linked-zstd.mjs';
import { KINDS, writePages } from './pages.mjs';

const { values } = parseArgs({
  options: {
    mib: { type: 'string', default: '64' },
    runs: { type: 'string', default: '3' },
    levels: { type: 'string', default: '1' },
    ways: { type: 'string', default: 'qemu,linked,native,handle,packets,pool' },
    out: { type: 'string' },
  },
});
const WAYS = values.ways.split(',');
const folder = mkdtempSync(join(tmpdir(), 'codec-bench-'));
const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const reference = join(folder, 'qemu-way');
let linked;

function once(way, method, level, path) {
  const words = [method, `${level}`, path];
  const run = (command, args, env = process.env) => execFileSync(command, args, { encoding: 'utf8', env });
  if (way === 'qemu') return JSON.parse(run(reference, words));
  if (way === 'linked') return JSON.parse(run(reference, words, { ...process.env, LD_LIBRARY_PATH: linked }));
  return JSON.parse(run(process.execPath, [here('ways.mjs'), way, ...words]));
}

function best(way, method, level, path, figures) {
  const { pageBytes, payloadBytes, compress, decompress } = once(way, method, level, path);
  const least = (name, value) => Math.min(value, figures?.[name] ?? value);
  return {
    pageBytes,
    payloadBytes,
    compress: least('compress', compress),
    decompress: least('decompress', decompress),
  };
}

try {
  execFileSync('cc', ['-O2', '-w', here('qemu-way.c'), '-o', reference, '-ldl']);
  if (WAYS.includes('linked')) linked = buildLinkedZstd(here('..'), folder);
  const paths = writePages(folder, Number(values.mib) * 2 ** 20);
  const results = [];
  console.log('MB/s of CPU time (compressed, decompressed) and ratio; against QEMU in %');
  for (const method of ['zlib', 'zstd']) {
    const ways = WAYS.filter((way) => way !== 'linked' || method === 'zstd');
    for (const level of values.levels.split(',').map(Number)) {
      for (const kind of KINDS) {
        const figures = {};
        for (let run = 0; run < Number(values.runs); run++) {
          for (const way of ways) figures[way] = best(way, method, level, paths[kind], figures[way]);
        }
        const { qemu } = figures;
        for (const [way, each] of Object.entries(figures)) {
          const rate = (seconds) => (each.pageBytes / seconds / 1e6).toFixed(0).padStart(6);
          const against = (name) => `${((qemu[name] / each[name]) * 100).toFixed(1)} %`.padStart(8);
          console.log(
            `${method} ${level} ${kind.padEnd(5)} ${way.padEnd(7)}`,
            `${rate(each.compress)} ${rate(each.decompress)} ${(each.pageBytes / each.payloadBytes).toFixed(3).padStart(7)}`,
            `${against('compress')} ${against('decompress')} ${against('payloadBytes')}`,
          );
          results.push({ method, level, kind, way, ...each });
        }
      }
    }
  }
  if (values.out !== undefined) {
    const environment = {
      cpu: cpus()[0]?.model.trim() ?? 'unknown',
      cores: cpus().length,
      system: release(),
      node: process.versions.node,
      date: new Date().toISOString(),
    };
    writeSamples(values.out, { environment, runs: Number(values.runs), results }, 'results');
  }
} finally {
  rmSync(folder, { recursive: true });
}

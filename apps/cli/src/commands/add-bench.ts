import { type Command, Option } from '@commander-js/extra-typings';
import { USUAL_PEER } from '../bench/peers.js';
import { SCENARIO_WORDS, SCENARIOS } from '../bench/scenarios.js';
import type { ExitCode } from '../exit-codes.js';
import {
  parseChannelCounts,
  parseCompressions,
  parseDetections,
  parseGuestSize,
  parseHosts,
  parseScenarios,
  parseWires,
} from '../options/bench-options.js';
import { accel, zlibLevel, zstdLevel } from '../options/option-list.js';
import { parseWhole } from '../options/sizes.js';

export function addBench(program: Command, ended: (code: ExitCode) => void): void {
  program
    .command('bench')
    .summary('measure migrations on this machine, beside QEMU')
    .description(
      'Measure whole migrations on this machine: from a multifd to a multifd, and from a QEMU to a QEMU beside it',
    )
    .option(
      '--scenario <list>',
      'guest memory, see below (default: untouched,zero,half,full)',
      parseScenarios,
    )
    .option('--size <size>', 'of the guest (default: 4G)', parseGuestSize)
    .option(
      '--channels, --multifd-channels <list>',
      'a row for each of these numbers of channels (default: 1,2,4,8)',
      parseChannelCounts,
    )
    .option(
      '--detection, --zero-page-detection <list>',
      'rows for each of none, legacy, multifd (default: multifd with each number of channels, legacy and none with 2)',
      parseDetections,
    )
    .addOption(accel())
    .option('--host <list>', 'multifd once with each of auto, linux, none (default: auto)', parseHosts)
    .option(
      '--compression, --multifd-compression <list>',
      'rows for each of none, zlib, zstd, auto or a module (default: none)',
      parseCompressions,
    )
    .addOption(zlibLevel())
    .addOption(zstdLevel())
    .option('--wire <list>', 'multifd once with each of multifd, qemu (default: multifd)', parseWires)
    .addOption(
      new Option(
        '--peer <binary...>',
        `QEMUs to measure beside it, by path or name; none: no QEMU (default: ${USUAL_PEER}, if there is one)`,
      ),
    )
    .option('--cross', 'also from each peer to multifd, and from multifd to each peer')
    .option('--tls', 'TLS on all connections, with certificates of both ends that are made for this run')
    .option('--runs <n>', 'samples of each contender in each row (default: 5)', (text) =>
      parseWhole(text, '--runs', 1, 1000),
    )
    .option('--no-ceilings', 'leave out plain reading and plain copying of as much memory')
    .option(
      '--images <dir>',
      "where the guests' memory is written, in a folder that is removed (default: /dev/shm)",
    )
    .option('--samples <file>', 'add all samples to this file; those of the same row are replaced')
    .option('--from <file>', 'measure nothing: show what is in a file that --samples has written')
    .option('--report <file>', 'write one HTML page with plots and tables, complete in itself')
    .option('--json', 'print one JSON document on stdout and nothing else')
    .addHelpText('after', BENCH_HELP)
    .action(async (options) => {
      const { benchCommand } = await import('./bench-command.js');
      ended(await benchCommand(options));
    });
}

const scenarios = SCENARIOS.map((name) => `  ${name.padEnd(14)}${SCENARIO_WORDS[name]}`).join('\n');

const BENCH_HELP = `
SCENARIO:
${scenarios}

Both ends are on this machine, over TCP on loopback; QEMU's processors do not run. All contenders of a row move the same
guest. They take turns, each round begins with another one, and right before each as much memory is touched and freed
as it will touch, so that none waits for memory that a hypervisor has taken back. The result is a table in Markdown:
median (lowest-highest). With --tls a QEMU to a QEMU may use TLS 1.3 with AES-256-GCM only, which is what multifd agrees on by itself. A contender that fails is named, and has no figures; the exit code is then 1.

Examples:
  multifd bench
  multifd bench --scenario full,half --channels 2 --detection multifd,none --runs 3
  multifd bench --scenario untouched --size 100G --channels 1,2,4 --detection multifd --wire multifd,qemu
  multifd bench --scenario mixed --size 1G --channels 2 --detection multifd --compression zlib,zstd
  multifd bench --scenario full --channels 1,2,4 --detection multifd --tls
  multifd bench --peer qemu-system-x86_64 /opt/qemu/bin/qemu-system-x86_64 --samples here.jsonl
  multifd bench --from here.jsonl --report here.html`;

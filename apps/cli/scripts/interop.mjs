// What `pnpm interop` runs: both suites against real QEMU, and their results as tables into docs/interop.md, failures
// included. With arguments it takes these vitest JSON reports instead of running anything.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findQemu, RELEASES } from '../../../packages/qemu/test/support/binaries.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const PAGE = join(ROOT, 'docs', 'interop.md');
const BEGIN = '<!-- results: begin, written by pnpm interop -->';
const END = '<!-- results: end -->';
const SUITES = ['apps/cli', 'packages/qemu'];
/** Makes test vectors, tests nothing. */
const NO_TEST = 'capture.test.ts';

const given = process.argv.slice(2);
const reports = given.length > 0 ? given.map(readReport) : runSuites();
const tests = reports.flatMap(testsOf);
writePage(tests);
const failed = tests.filter(({ result }) => result === 'failed').length;
process.stdout.write(`docs/interop.md: ${tests.length} tests, ${failed} failed\n`);
process.exitCode = failed === 0 && tests.length > 0 ? 0 : 1;

function runSuites() {
  const folder = mkdtempSync(join(tmpdir(), 'multifd-interop-'));
  try {
    return SUITES.map((suite) => {
      const file = join(folder, `${basename(suite)}.json`);
      const args = ['run', '--config', 'vitest.qemu.config.ts', '--reporter=json', `--outputFile=${file}`];
      // A suite with failures ends with 1 and still has a report.
      spawnSync('vitest', args, { cwd: join(ROOT, suite), stdio: ['ignore', 'inherit', 'inherit'] });
      return readReport(file);
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function readReport(file) {
  return JSON.parse(readFileSync(file, 'utf8'));
}

/** Each test of a report, under the title of its suite. */
function testsOf({ testResults }) {
  return testResults
    .filter(({ name }) => !name.endsWith(NO_TEST))
    .flatMap(({ assertionResults }) =>
      assertionResults.map(({ ancestorTitles, title, status, failureMessages }) => ({
        group: ancestorTitles.join(', '),
        title,
        result: status,
        why: (failureMessages[0] ?? '').split('\n')[0],
      })),
    );
}

function writePage(all) {
  const page = readFileSync(PAGE, 'utf8');
  const [before, rest] = page.split(BEGIN);
  const after = rest?.split(END)[1];
  if (after === undefined) throw new Error(`${PAGE}: ${BEGIN} and ${END} are not there`);
  writeFileSync(PAGE, `${before}${BEGIN}\n\n${tables(all)}\n\n${END}${after}`);
}

function tables(all) {
  const groups = [...Map.groupBy(all, ({ group }) => group)];
  const versions = RELEASES.map((release) => versionOf(findQemu(release)) ?? `no ${release}`);
  const others = ['aarch64', 's390x'].filter((target) => findQemu('10.0', target) !== undefined);
  const count = (list, result) => list.filter((test) => test.result === result).length;
  return [
    `QEMU ${versions.join(', ')} under TCG, ${['x86_64', ...others].join(', ')}, Node ${process.versions.node}, on ${new Date().toISOString().slice(0, 10)}.`,
    table(
      ['what', 'passed', 'failed', 'skipped'],
      [
        ...groups.map(([group, list]) => [
          group,
          count(list, 'passed'),
          count(list, 'failed'),
          list.length - count(list, 'passed') - count(list, 'failed'),
        ]),
      ],
    ),
    ...groups.map(([group, list]) => `### ${group}\n\n${table(['case', 'result'], list.map(row))}`),
  ].join('\n\n');
}

function row({ title, result, why }) {
  return [title, result === 'failed' ? `**failed**: ${why}` : result === 'passed' ? 'passed' : 'skipped'];
}

function table(head, rows) {
  const line = (cells) => `| ${cells.map((cell) => String(cell).replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

function versionOf(path) {
  if (path === undefined) return undefined;
  const said = execFileSync(path, ['--version'], { encoding: 'utf8' });
  return /version (\S+)/.exec(said)?.[1];
}

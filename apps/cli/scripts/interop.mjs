// What `pnpm interop` runs: both suites against real QEMU, and their results as tables into docs/interop.md, failures
// included. With arguments it takes these vitest JSON reports instead of running anything; behind --merge they are of some
// test files only, and the page keeps its other groups, if the same QEMUs and the same day stand above them.
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

const merges = process.argv[2] === '--merge';
const given = process.argv.slice(merges ? 3 : 2);
const reports = given.length > 0 ? given.map(readReport) : runSuites();
const run = reports.flatMap(testsOf);
const tests = merges ? merged(readTables(), run) : run;
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
    .flatMap(({ name, assertionResults }) =>
      assertionResults.map(({ ancestorTitles, title, status, failureMessages }) => ({
        // A test in no group goes under its own title.
        group: ancestorTitles.join(', ') || title,
        title,
        isCommands: name.includes('/apps/cli/'),
        result: status,
        why: (failureMessages[0] ?? '').split('\n')[0],
      })),
    );
}

/** The groups of the page, those that were run again in their places; new ones with those of the same suite. */
function merged(old, now) {
  const fresh = Map.groupBy(now, ({ group }) => group);
  const kept = new Map(Map.groupBy(old, ({ group }) => group));
  const added = [...fresh.values()].filter(([{ group }]) => !kept.has(group));
  const [commands, engines] = [true, false].map((which) =>
    added.filter(([{ isCommands }]) => isCommands === which).flat(),
  );
  return [...commands, ...[...kept].flatMap(([group, list]) => fresh.get(group) ?? list), ...engines];
}

/** The tests of the page as it is. */
function readTables() {
  const [, results] = splitPage();
  const head = results.trim().split('\n')[0];
  if (head !== headLine()) throw new Error(`${PAGE} is of another run ("${head}"): run all of it`);
  return results
    .split('\n### ')
    .slice(1)
    .flatMap((part) => {
      const [group, ...lines] = part.split('\n');
      const rows = lines.filter((line) => line.startsWith('| ')).slice(2);
      return rows.map((line) => {
        // A bar inside a cell is escaped.
        const cells = line.slice(2, -2).split(' | ');
        const [title, said] = cells.map((cell) => cell.replaceAll('\\|', '|'));
        const why = said.startsWith('**failed**: ') ? said.slice(12) : undefined;
        return { group, title, result: why === undefined ? said : 'failed', why };
      });
    });
}

/** Before the results, the results, and behind them. */
function splitPage() {
  const [before, rest] = readFileSync(PAGE, 'utf8').split(BEGIN);
  const [results, after] = rest?.split(END) ?? [];
  if (after === undefined) throw new Error(`${PAGE}: ${BEGIN} and ${END} are not there`);
  return [before, results, after];
}

/** What was run, where and when. */
function headLine() {
  const versions = RELEASES.map((release) => versionOf(findQemu(release)) ?? `no ${release}`);
  const others = ['aarch64', 's390x'].filter((target) => findQemu('10.0', target) !== undefined);
  return `QEMU ${versions.join(', ')} under TCG, ${['x86_64', ...others].join(', ')}, Node ${process.versions.node}, on ${new Date().toISOString().slice(0, 10)}.`;
}

function writePage(all) {
  const [before, , after] = splitPage();
  writeFileSync(PAGE, `${before}${BEGIN}\n\n${tables(all)}\n\n${END}${after}`);
}

function tables(all) {
  const groups = [...Map.groupBy(all, ({ group }) => group)];
  const count = (list, result) => list.filter((test) => test.result === result).length;
  return [
    headLine(),
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

/**
 * Faults at each state: `pnpm faults [--only NAME] [--target file|store] [--lanes N] [--report FILE]`. The real commands, with lines of ours between
 * them: each fault, in each state, to each end and line. NAME is the beginning of the name of a case, as a failure has it.
 * Ends with 1 if one of the rules of rules.ts is broken. `apps/cli/scripts/faults.mjs FILE` writes the report to the documents.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { allCases, type Case, nameOf, TARGETS } from './cases.ts';
import { canMount } from './place.ts';
import { play } from './play.ts';
import { refusalOfPause } from './pre-switchover.ts';
import { type CaseReport, type Report, reportOf } from './report.ts';
import { faultsOf } from './rules.ts';

/** Cases side by side: they mostly wait. */
const LANES = 4;

const text = { type: 'string' } as const;
const { values } = parseArgs({ options: { only: text, target: text, lanes: text, report: text } });
const lanes = values.lanes === undefined ? LANES : Number(values.lanes);
if (!Number.isInteger(lanes) || lanes < 1) throw new Error(`--lanes ${values.lanes}: not a number from 1`);

const say = (line: string): void => void process.stderr.write(`faults: ${line}\n`);

const folder = mkdtempSync(join(tmpdir(), 'multifd-faults-'));
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => {
    rmSync(folder, { recursive: true, force: true });
    process.kill(process.pid, signal);
  });

const started = performance.now();
const targets = TARGETS.filter((each) => values.target === undefined || each === values.target);
const cases = allCases(values.only, targets);
if (cases.length === 0) throw new Error(`--only ${values.only}, --target ${values.target}: no such case`);
const possible = cases.filter(({ fault }) => canMount || fault !== 'full disk');
const reports = new Map<Case, CaseReport>();
let failed = 0;

function fail(line: string): void {
  failed++;
  say(`FAILED: ${line}`);
}

async function run(what: Case): Promise<void> {
  try {
    const outcome = await play(what, folder);
    const report = reportOf(outcome);
    reports.set(what, report);
    for (const fault of faultsOf(outcome)) fail(`${nameOf(what)}: ${fault}`);
    say(`${nameOf(what)}: ${report.guest}, ${report.seconds} s, ${JSON.stringify(report.codes)}`);
  } catch (error) {
    fail(`${nameOf(what)}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Cases, one after another, until there are no more. */
async function runLane(left: Iterator<Case>): Promise<void> {
  for (let next = left.next(); next.done !== true; next = left.next()) await run(next.value);
}

try {
  const refusal = await refusalOfPause(folder);
  const left = possible.values();
  await Promise.all(Array.from({ length: lanes }, () => runLane(left)));
  const seconds = Math.round((performance.now() - started) / 1000);
  const skipped = cases.length - possible.length;
  if (skipped > 0) say(`SKIPPED: ${skipped} cases: this user may not mount a small disk`);
  const report: Report = {
    date: new Date().toISOString().slice(0, 10),
    node: process.versions.node,
    seconds,
    cores: availableParallelism(),
    load: Math.round(loadavg()[1] ?? 0),
    failed,
    skipped,
    'pre-switchover': refusal,
    // In the order of the cases, and not in that of their ends.
    cases: possible.flatMap((each) => reports.get(each) ?? []),
  };
  if (values.report !== undefined) writeFileSync(values.report, `${JSON.stringify(report, null, 2)}\n`);
  say(`${possible.length} cases in ${seconds} s, ${failed} faults`);
  process.exitCode = failed > 0 ? 1 : 0;
} finally {
  rmSync(folder, { recursive: true, force: true });
}

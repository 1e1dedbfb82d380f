/**
 * Hostile streams and files: `pnpm hostile [--minutes N] [--seed N] [--case KIND:NUMBER] [--only KIND] [--save DIR]`.
 * Valid ones are made from the grammar of docs/wire.md, changed in one to three places, and given to whatever reads them.
 * Without `--minutes` it is the form of continuous integration: a minute, always with the same seed.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { type Case, COMMANDS, isCommand, KINDS, nameOf, type Outcome, parseCase } from './cases.ts';
import { goodMigration, runCommandCase } from './into/command.ts';
import { leftIn } from './rules.ts';
import { Supervisor } from './supervisor.ts';

/** Of the bounded form. */
const SEED = 20;
/** Cases of each kind in a round: reading takes hundredths of a second, and connections mostly wait. */
const WEIGHTS = { inspect: 4, file: 4, receive: 2, relay: 1, destination: 1, store: 3 } as const;
/** Rounds for each case of the command. */
const ROUNDS = 2;
/** Cases side by side, each in an engine's process of its own: most of them wait. */
const LANES = 3;
const GOOD_MIGRATION_EVERY = 100;

const text = { type: 'string' } as const;
const { values } = parseArgs({ options: { minutes: text, seed: text, case: text, only: text, save: text } });
const minutes = numberOf('--minutes', values.minutes, 1);
const anySeed = values.minutes === undefined ? SEED : Math.floor(Math.random() * 2 ** 32);
const seed = numberOf('--seed', values.seed, anySeed);
const only = values.only;
const save = values.save === undefined ? undefined : resolve(values.save);

const say = (line: string): void => {
  process.stderr.write(`hostile: ${line}\n`);
};

function numberOf(name: string, given: string | undefined, otherwise: number): number {
  const value = given === undefined ? otherwise : Number(given);
  if (value >= 0 && value < 2 ** 32) return value;
  throw new Error(`${name} ${given}: not a number from 0 to 2^32-1`);
}

/** Cases in the order in which they are begun: the same for the same seed. */
function* allCases(): Generator<Case> {
  const kinds = KINDS.filter((kind) => only === undefined || kind === only);
  const commands = COMMANDS.filter((kind) => only === undefined || kind === only);
  if (kinds.length + commands.length === 0) throw new Error(`--only ${only}: no such kind`);
  for (let round = 0; ; round++) {
    for (const kind of kinds) {
      const count = WEIGHTS[kind];
      for (let each = 0; each < count; each++) yield { kind, seed, index: round * count + each };
    }
    const turn = kinds.length === 0 ? round : round / ROUNDS;
    const kind = commands[turn % Math.max(1, commands.length)];
    if (kind !== undefined) yield { kind, seed, index: Math.floor(turn / commands.length) };
  }
}

const temporary = mkdtempSync(join(tmpdir(), 'multifd-hostile-'));
process.env.TMPDIR = temporary;
const supervisors = Array.from({ length: values.case === undefined ? LANES : 1 }, () => new Supervisor());
let commandPeak = 0;

async function run(supervisor: Supervisor, what: Case, kept?: string): Promise<Outcome> {
  if (!isCommand(what.kind)) return supervisor.run(what, kept);
  const outcome = await runCommandCase(what, temporary);
  commandPeak = Math.max(commandPeak, outcome.peak);
  return outcome;
}

/** The fewest of its changes with which a case still fails, left out one by one. */
async function minimized(supervisor: Supervisor, what: Case, { twists }: Outcome): Promise<Case> {
  let keep = twists.map((_, index) => index);
  for (const index of twists.keys()) {
    const fewer = keep.filter((each) => each !== index);
    if ((await run(supervisor, { ...what, keep: fewer })).faults.length > 0) keep = fewer;
  }
  return { ...what, keep };
}

async function report(supervisor: Supervisor, what: Case, outcome: Outcome): Promise<void> {
  say(`FAILED: ${nameOf(what)}, seed ${seed}: ${outcome.faults.join('; ')}`);
  const smallest = what.keep === undefined ? await minimized(supervisor, what, outcome) : what;
  const changes = outcome.twists.filter((_, index) => smallest.keep?.includes(index));
  say(`  ${changes.join(', then ') || 'nothing was changed'}`);
  say(`  npx pnpm hostile --seed ${seed} --case ${nameOf(smallest)}`);
  if (save !== undefined && !isCommand(what.kind)) await run(supervisor, smallest, save);
}

const started = performance.now();
const ends = new Map<string, number>();
let done = 0;
let failed = 0;

function progress(): string {
  const mebibytes = (bytes: number): number => Math.round(bytes / 2 ** 20);
  const peak = Math.max(...supervisors.map((each) => each.peak));
  return (
    `${done} cases in ${Math.round((performance.now() - started) / 1000)} s, ${failed} failed, seed ${seed}; at most ` +
    `${mebibytes(peak)} MiB in an engine's process, ${mebibytes(commandPeak)} in a command's`
  );
}

/** Cases, one after another, until there are no more or the time is over. */
async function runLane(supervisor: Supervisor, cases: Iterator<Case, unknown>): Promise<void> {
  while (values.case !== undefined || performance.now() - started < minutes * 60_000) {
    const next = cases.next();
    if (next.done) return;
    const what = next.value;
    const outcome = await run(supervisor, what, values.case === undefined ? undefined : save);
    done++;
    const count = done;
    const end = `${what.kind}: ${outcome.end}`;
    ends.set(end, (ends.get(end) ?? 0) + 1);
    if (outcome.faults.length > 0) {
      failed++;
      await report(supervisor, what, outcome);
    }
    if (values.case !== undefined) say(`${nameOf(what)}: ${outcome.end}: ${outcome.twists.join(', then ')}`);
    if (count % GOOD_MIGRATION_EVERY === 0) {
      for (const fault of await goodMigration(temporary)) {
        failed++;
        say(`FAILED after ${nameOf(what)}: ${fault}`);
      }
    }
    if (count % 500 === 0) say(progress());
  }
}

async function runAll(): Promise<void> {
  const cases = values.case === undefined ? allCases() : [parseCase(values.case, seed)].values();
  await Promise.all(supervisors.map((supervisor) => runLane(supervisor, cases)));
  for (const [end, count] of [...ends].toSorted()) say(`  ${count} ${end}`);
  say(progress());
}

/** Of a run that somebody ends: nothing stays in the temporary folder, and the engines' processes end with this one. */
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => {
    rmSync(temporary, { recursive: true, force: true });
    process.kill(process.pid, signal);
  });

try {
  await runAll();
  process.exitCode = failed > 0 ? 1 : 0;
} finally {
  for (const supervisor of supervisors) await supervisor.close();
  // The engine's own folder is all that may be left, with the store of its last case: it was ended, and could not remove it.
  const strays = leftIn(temporary).filter((path) => !/^multifd-hostile-\w+(\/store-.*)?$/s.test(path));
  if (strays.length > 0) {
    say(`FAILED: left in the temporary folder: ${strays.join(', ')}`);
    process.exitCode = 1;
  }
  rmSync(temporary, { recursive: true, force: true });
}

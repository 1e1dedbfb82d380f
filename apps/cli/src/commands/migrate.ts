import { type GuestWord, type MigrationStatus, saidBySource } from '@multifd/core';
import { orderedMigrate } from '../control/ordered.js';
import { type ExitCode, endOf } from '../exit-codes.js';
import { endedAtOnce, listenForInterrupt } from '../interrupt.js';
import { startNodeThreads } from '../node-threads.js';
import { withCompatHint } from '../options/machine-compat.js';
import type { MigrateOptions } from '../options/requests.js';
import { afterCompletion, formatError } from '../report/errors.js';
import { migrateDocument, newFacts } from '../report/migrate-document.js';
import { migrateSummary } from '../report/summary.js';
import { noting, openTerminal } from '../report/terminal.js';
import { Watch } from '../watch/watch.js';
import { MigrateRun } from './migrate-run.js';

/** `multifd migrate`: does it, prints the result on stdout and everything else on stderr. */
export async function migrateCommand(
  source: string,
  destination: string,
  options: MigrateOptions,
): Promise<ExitCode> {
  const facts = newFacts(source, destination);
  const terminal = noting(await openTerminal(options.progress === 'json'), facts.notes);
  const end = (caught: unknown): ExitCode => {
    terminal.clear();
    const completed = facts.completed === true;
    // Of a guest whose memory is wrong at the destination, the error says more than that it has left.
    const differs = (facts.verification?.differences.length ?? 0) > 0;
    const failed = completed ? caught : withCompatHint(caught, facts.contradiction);
    const error = failed !== undefined && completed && !differs ? afterCompletion(failed) : failed;
    const code = endOf(completed, error);
    interrupted.release(code);
    const document = migrateDocument(facts, error);
    if (options.json) process.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
    else if (completed) process.stdout.write(migrateSummary(document, options.verbose));
    if (error !== undefined) process.stderr.write(formatError(error));
    return code;
  };
  const interrupted = listenForInterrupt({
    note: (line) => terminal.note(line),
    waitsFor,
    endAtOnce: (status) => end(endedAtOnce(wordOf(status))),
  });
  let watch: Watch | undefined;
  let run: MigrateRun | undefined;
  let caught: unknown;
  try {
    startNodeThreads();
    watch = await Watch.open('migrate', options, terminal);
    const interrupt = watch.steers(interrupted);
    const order = options.defer ? await watch.order(interrupt.signal) : undefined;
    const ordered = order === undefined ? options : orderedMigrate(options, order);
    run = new MigrateRun(ordered, facts, terminal, interrupt, watch);
    await run.run(source, order?.uri ?? destination);
  } catch (error) {
    caught = error;
  }
  await watch?.end(caught, interrupted.signal, (line) => terminal.note(line));
  try {
    await run?.close();
  } catch (error) {
    caught ??= error;
  }
  return end(caught);
}

/** What the end waits for after a signal. */
function waitsFor(status: MigrationStatus): string {
  if (status === 'completed') return 'the guest has left, and the rest is being called off';
  return status === 'device'
    ? "the destination's word is waited for: it may have the guest"
    : 'the migration is being cancelled';
}

/** Who has the guest, and that in words, while a migration that is ended from outside has this status. */
function wordOf(status: MigrationStatus): GuestWord | undefined {
  // `afterCompletion` says it.
  if (status === 'completed') return undefined;
  return saidBySource(status === 'device' ? 'either' : 'source');
}

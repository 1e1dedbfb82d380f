import { EXIT, type ExitCode, exitCodeOf } from '../../exit-codes.js';
import { cancelled, listenForInterrupt } from '../../interrupt.js';
import { startNodeThreads } from '../../node-threads.js';
import { formatError } from '../../report/errors.js';
import { failedCommandDocument } from '../../report/failed-document.js';
import { notesMember, noting, openTerminal, type Terminal } from '../../report/terminal.js';

export interface StoreOptions {
  readonly json?: true;
}

/** What a command has to say in the end. */
export interface Outcome {
  /** Members of the JSON document. */
  readonly members: object;
  readonly text: string;
  /** What is wrong all the same; it is told behind the rest. */
  readonly error?: unknown;
}

/** Runs a command of `multifd store`: it says its result on stdout, and everything else on stderr. */
export async function runStore(
  command: string,
  { json }: StoreOptions,
  work: (signal: AbortSignal, terminal: Terminal) => Promise<Outcome>,
): Promise<ExitCode> {
  const notes: string[] = [];
  const terminal = noting(await openTerminal(), notes);
  const interrupt = listenForInterrupt();
  let outcome: Outcome | undefined;
  let error: unknown;
  try {
    startNodeThreads();
    outcome = await work(interrupt.signal, terminal);
    error = outcome.error;
  } catch (caught) {
    error = interrupt.signal.aborted ? cancelled() : caught;
  }
  terminal.clear();
  const code = error === undefined ? EXIT.done : exitCodeOf(error);
  interrupt.release(code);
  if (json) {
    const failure = error === undefined ? undefined : failedCommandDocument(`store ${command}`, error);
    const head = { 'schema-version': 1, command: `store ${command}`, status: 'completed' };
    const document = { ...head, ...failure, ...outcome?.members, ...notesMember(notes) };
    process.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
  } else if (outcome !== undefined) {
    process.stdout.write(outcome.text);
  }
  if (error !== undefined) process.stderr.write(formatError(error));
  return code;
}

import { orderedReceive } from '../control/ordered.js';
import { type ExitCode, endOf } from '../exit-codes.js';
import { endedAtOnce, listenForInterrupt } from '../interrupt.js';
import { endWithParent, followParent } from '../loopback/follow-parent.js';
import { errorReport, tellParent } from '../loopback/messages.js';
import { startNodeThreads } from '../node-threads.js';
import { parseTarget } from '../options/places.js';
import type { ReceiveOptions } from '../options/requests.js';
import { afterCompletion, formatError } from '../report/errors.js';
import { type ReceiveFacts, receiveDocument } from '../report/receive-document.js';
import { Refusals } from '../report/refusals.js';
import { receiveSummary } from '../report/summary.js';
import { noting, openTerminal, SILENT } from '../report/terminal.js';
import { Watch } from '../watch/watch.js';
import { ReceiveRun } from './receive-run.js';

/** `multifd receive`: takes one migration, prints the result on stdout and everything else on stderr. */
export async function receiveCommand(
  listen: string,
  target: string | undefined,
  options: ReceiveOptions,
): Promise<ExitCode> {
  const isChild = options.loopbackChild === true;
  if (options.benchChild) endWithParent();
  const notes: string[] = [];
  const terminal = isChild ? SILENT : noting(await openTerminal(options.progress === 'json'), notes);
  const facts: ReceiveFacts = { listen, target: target ?? 'memory', refusals: new Refusals(), notes };
  let run: ReceiveRun | undefined;
  const end = (caught: unknown): { code: ExitCode; error: unknown } => {
    terminal.clear();
    const error = caught !== undefined && facts.completed === true ? afterCompletion(caught) : caught;
    return { code: endOf(facts.completed === true, error), error };
  };
  const interrupted = isChild
    ? followParent()
    : listenForInterrupt({
        note: (line) => terminal.note(line),
        waitsFor: (status) => run?.waitsFor(status) ?? 'the command is about to end',
        endAtOnce() {
          const { code, error } = end(run?.endAtOnce() ?? endedAtOnce(undefined));
          tell(options, facts, error);
          return code;
        },
      });
  let watch: Watch | undefined;
  let caught: unknown;
  try {
    const place = parseTarget(target);
    startNodeThreads();
    watch = await Watch.open('receive', options, terminal);
    const interrupt = watch.steers(interrupted);
    const order = options.defer ? await watch.order(interrupt.signal) : undefined;
    const ordered = order === undefined ? options : orderedReceive(options, order);
    run = new ReceiveRun(ordered, facts, terminal, interrupt, watch);
    await run.run(order?.uri ?? listen, place);
  } catch (error) {
    caught = error;
  }
  await watch?.end(caught, interrupted.signal, (line) => terminal.note(line));
  const { code, error } = end(caught);
  interrupted.release(code);
  tell(options, facts, error);
  return code;
}

function tell(options: ReceiveOptions, facts: ReceiveFacts, error: unknown): void {
  if (options.loopbackChild) {
    const { guest } = facts;
    if (error !== undefined) tellParent({ type: 'failed', error: errorReport(error) });
    else tellParent({ type: 'finished', ...(guest === undefined ? {} : { guest }) });
    return;
  }
  const document = receiveDocument(facts, error);
  if (options.json) process.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
  else if (document.status === 'completed') process.stdout.write(receiveSummary(document));
  if (error !== undefined) process.stderr.write(formatError(error));
}

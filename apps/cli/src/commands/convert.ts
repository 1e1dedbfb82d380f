import { ConvertRun, type ConvertSettings } from '../convert/convert-run.js';
import { EXIT, type ExitCode, exitCodeOf } from '../exit-codes.js';
import { endedAtOnce, listenForInterrupt } from '../interrupt.js';
import { parseConvertSource, parseConvertTarget } from '../options/convert-source.js';
import { type ConvertFacts, convertDocument, convertSummary } from '../report/convert-document.js';
import { formatError } from '../report/errors.js';
import { openTerminal } from '../report/terminal.js';

export interface ConvertOptions extends ConvertSettings {
  readonly json?: true;
}

/** `multifd convert`: writes a guest at rest in another form. */
export async function convertCommand(
  source: string,
  target: string,
  options: ConvertOptions,
): Promise<ExitCode> {
  const terminal = await openTerminal();
  const facts: ConvertFacts = { source, target };
  let run: ConvertRun | undefined;
  const end = (error: unknown): ExitCode => {
    terminal.clear();
    if (options.json) process.stdout.write(`${JSON.stringify(convertDocument(facts, error), null, 2)}\n`);
    else if (error === undefined) process.stdout.write(convertSummary(facts));
    if (error !== undefined) process.stderr.write(formatError(error));
    return error === undefined ? EXIT.done : exitCodeOf(error);
  };
  const interrupt = listenForInterrupt({
    note: (line) => terminal.note(line),
    waitsFor: () => 'the disk is waited for, and then the file is removed',
    endAtOnce() {
      run?.abandon();
      return end(endedAtOnce(undefined));
    },
  });
  let error: unknown;
  try {
    const from = parseConvertSource(source);
    const to = parseConvertTarget(target);
    run = new ConvertRun(options, facts, terminal, interrupt.signal);
    await run.run(from, to);
  } catch (caught) {
    error = caught;
  }
  interrupt.release(error === undefined ? EXIT.done : exitCodeOf(error));
  return end(error);
}

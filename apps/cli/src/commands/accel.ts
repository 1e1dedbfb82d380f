import { type AcceleratorChoice, MultifdError, type ProbedAccelerator } from '@multifd/core';
import { benchAccelerators } from '../accelerators/bench.js';
import { benchOffload } from '../accelerators/bench-offload.js';
import { knownAccelerators, NAME_A_MODULE } from '../accelerators/choose.js';
import { EXIT, type ExitCode, exitCodeOf } from '../exit-codes.js';
import { listenForInterrupt } from '../interrupt.js';
import { resolveModule } from '../modules/resolve-module.js';
import { didYouMean } from '../options/suggest.js';
import { accelBenchDocument, accelListDocument, benchTable, listTable } from '../report/accel-document.js';
import { formatError } from '../report/errors.js';
import { failedCommandDocument } from '../report/failed-document.js';
import { offloadDocument, offloadText } from '../report/offload-document.js';
import { openTerminal } from '../report/terminal.js';

export interface AccelOptions {
  /** A module beside those that come with the command; to bench, also the name of one of them. */
  readonly accel?: string;
  readonly samples?: number;
  readonly json?: true;
}

/** `multifd accel list`: who can run here, what `auto` would take, and why not the others. */
export async function accelListCommand(options: AccelOptions): Promise<ExitCode> {
  return told('accel list', options, async () => {
    const { ours, theirs, choice } = await survey(options);
    const document = accelListDocument(ours, theirs, choice);
    return options.json ? `${JSON.stringify(document, null, 2)}\n` : listTable(document);
  });
}

/** `multifd accel bench`: how fast each is, beside plain reading. */
export async function accelBenchCommand(options: AccelOptions): Promise<ExitCode> {
  const terminal = openTerminal();
  const interrupt = listenForInterrupt();
  try {
    return await told('accel bench', options, async () => {
      const progress = (line: string) => terminal.progress(`measuring ${line}`);
      const samples = options.samples ?? 7;
      const named = await findNamed(options);
      if (named !== undefined) {
        const { probed, baseline } = named;
        const report = await benchOffload(probed, baseline, samples, interrupt.signal, progress);
        terminal.clear();
        const document = offloadDocument(report);
        return options.json ? `${JSON.stringify(document, null, 2)}\n` : offloadText(document);
      }
      const { ours, theirs } = await survey(options);
      // Of ours, software that stands in for a device is measured by name only.
      const usual = ours.filter(({ reference }) => !reference.name.includes(':'));
      const probed = [...usual, ...ableOnly(theirs)];
      const report = await benchAccelerators(probed, samples, interrupt.signal, progress);
      terminal.clear();
      const document = accelBenchDocument(report);
      return options.json ? `${JSON.stringify(document, null, 2)}\n` : benchTable(document);
    });
  } finally {
    interrupt.release(EXIT.interrupted);
    terminal.clear();
  }
}

/**
 * What `--accel` names, if it is no module, and the best that the CPU has to compare it with.
 * @throws MultifdError `accelerator-unavailable` if it cannot run here.
 */
async function findNamed({
  accel,
}: AccelOptions): Promise<{ probed: ProbedAccelerator; baseline: ProbedAccelerator } | undefined> {
  const registry = knownAccelerators();
  if (accel === undefined || !(await registry.names()).includes(accel)) return undefined;
  await registry.choose(accel);
  const all = await registry.list();
  const probed = all.find(({ reference }) => reference.name === accel);
  const baseline = all.find(({ probe }) => probe.ok);
  return probed === undefined || baseline === undefined ? undefined : { probed, baseline };
}

async function survey({ accel }: AccelOptions): Promise<{
  ours: readonly ProbedAccelerator[];
  /** Of the module that was asked for. */
  theirs: readonly ProbedAccelerator[];
  choice: AcceleratorChoice;
}> {
  const registry = knownAccelerators();
  const choice = await registry.choose('auto');
  const ours = await registry.list();
  if (accel === undefined) return { ours, theirs: [], choice };
  const module = resolveModule(accel, process.cwd());
  if (module === undefined) {
    throw new MultifdError('accelerator-unavailable', `no module ${JSON.stringify(accel)}`, {
      hint: didYouMean(accel, await registry.names(), NAME_A_MODULE),
    });
  }
  return { ours, theirs: await registry.probe(module), choice };
}

/** @throws MultifdError `accelerator-unavailable`: what was asked for by name is measured, or the command says why not. */
function ableOnly(theirs: readonly ProbedAccelerator[]): readonly ProbedAccelerator[] {
  const able = theirs.filter(({ probe }) => probe.ok);
  const [first] = theirs;
  if (able.length > 0 || first === undefined || first.probe.ok) return able;
  const { reason, fix } = first.probe;
  throw new MultifdError(
    'accelerator-unavailable',
    `accelerator ${first.reference.name} cannot run here: ${reason}`,
    { hint: fix },
  );
}

async function told(command: string, { json }: AccelOptions, work: () => Promise<string>): Promise<ExitCode> {
  try {
    process.stdout.write(await work());
    return EXIT.done;
  } catch (error) {
    if (json) process.stdout.write(`${JSON.stringify(failedCommandDocument(command, error), null, 2)}\n`);
    process.stderr.write(formatError(error));
    return exitCodeOf(error);
  }
}

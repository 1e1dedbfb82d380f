import { type AcceleratorChoice, MultifdError, type ProbedAccelerator } from '@multifd/core';
import { benchAccelerators } from '../accelerators/bench.js';
import { benchOffload, type Compared } from '../accelerators/bench-offload.js';
import { knownAccelerators } from '../accelerators/choose.js';
import { readRequest } from '../accelerators/request.js';
import { EXIT, type ExitCode, exitCodeOf } from '../exit-codes.js';
import { listenForInterrupt } from '../interrupt.js';
import { startNodeThreads } from '../node-threads.js';
import { accelBenchDocument, accelListDocument, benchTable, listTable } from '../report/accel-document.js';
import { formatError } from '../report/errors.js';
import { failedCommandDocument } from '../report/failed-document.js';
import { offloadDocument, offloadText } from '../report/offload-document.js';
import { openTerminal } from '../report/terminal.js';

export interface AccelOptions {
  /** A module beside those that come with the command; to bench, also the name of one of them. */
  readonly accel?: string;
  readonly samples?: number;
  /** Pages of each batch; undefined: several sizes, and in the comparison of all what each likes best. */
  readonly batch?: number;
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
  const terminal = await openTerminal();
  const interrupt = listenForInterrupt();
  try {
    return await told('accel bench', options, async () => {
      const progress = (line: string) => terminal.progress(`measuring ${line}`);
      const samples = options.samples ?? 7;
      const named = await findNamed(options);
      if (named !== undefined) {
        const { signal } = interrupt;
        const report = await benchOffload(named, { samples, batch: options.batch }, signal, progress);
        terminal.clear();
        const document = offloadDocument(report);
        return options.json ? `${JSON.stringify(document, null, 2)}\n` : offloadText(document);
      }
      if (options.batch !== undefined) {
        throw new MultifdError('usage', '--batch needs --accel: it is for one accelerator alone');
      }
      const { ours } = await survey({});
      // Of ours, software that stands in for a device is measured by name only.
      const probed = ours.filter(({ reference }) => !reference.name.includes(':'));
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
 * What `--accel` names, and the best that the CPU has to compare it with.
 * @throws MultifdError `accelerator-unavailable` if it cannot run here.
 */
async function findNamed({ accel }: AccelOptions): Promise<Compared | undefined> {
  if (accel === undefined) return undefined;
  const registry = knownAccelerators();
  const { asked, isOurs, settings } = await readRequest(accel, process.cwd(), registry);
  const choice = await registry.choose(asked, { settings });
  const baseline = (await registry.list()).find(({ probe }) => probe.ok);
  if (baseline === undefined) throw new MultifdError('internal', 'no accelerator of ours can run');
  const { accelerator: reference, detail } = choice;
  const isTaken = !isOurs && (await registry.names()).includes(reference.name);
  const name = isTaken ? `${reference.name} (${reference.module})` : reference.name;
  return { reference, name, detail, baseline };
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
  const { asked, isOurs, settings } = await readRequest(accel, process.cwd(), registry);
  const probed = isOurs && settings === undefined ? [] : await registry.probe(asked, settings);
  if (!isOurs) return { ours, theirs: probed, choice };
  const asTold = (each: ProbedAccelerator): ProbedAccelerator =>
    probed.find(({ reference }) => reference.name === each.reference.name) ?? each;
  return { ours: ours.map(asTold), theirs: [], choice };
}

async function told(command: string, { json }: AccelOptions, work: () => Promise<string>): Promise<ExitCode> {
  try {
    // Modules are read by Node's threads.
    startNodeThreads();
    process.stdout.write(await work());
    return EXIT.done;
  } catch (error) {
    if (json) process.stdout.write(`${JSON.stringify(failedCommandDocument(command, error), null, 2)}\n`);
    process.stderr.write(formatError(error));
    return exitCodeOf(error);
  }
}

import { Worker } from 'node:worker_threads';
import { type ErrorReport, MultifdError } from '../errors.js';
import { checkEntries, entryFile } from '../limits/entry-file.js';
import { LOAD_PATIENCE } from '../load-export.js';
import type { ProbedAccelerator } from './choice.js';
import { PROBE_PATIENCE } from './probe.js';
import type { SettingValues } from './settings.js';

/** ms for importing a module and probing it. Longer than the thread's own limits, whose errors name the culprit. */
const PATIENCE = LOAD_PATIENCE + PROBE_PATIENCE + 1000;

/** What the thread is to do. */
export interface ProbeOrder {
  /** URL. */
  readonly module: string;
  /** The one accelerator to probe, and what it is told. Undefined: all, with their defaults. */
  readonly only: { readonly name: string; readonly settings: SettingValues } | undefined;
}

/** The thread's message. */
export type ProbeAnswer = { readonly probed: readonly ProbedAccelerator[] } | { readonly error: ErrorReport };

/**
 * Imports a module and probes its accelerators in a thread of its own. If this plug-in code ends its thread, blocks
 * it for ever, or leaves timers behind, the program goes on.
 *
 * @throws MultifdError `accelerator-unavailable`; `usage` if core was bundled, or for settings that it does not take.
 */
export async function probeApart(
  module: string,
  only?: ProbeOrder['only'],
): Promise<readonly ProbedAccelerator[]> {
  checkEntries();
  const order: ProbeOrder = { module, only };
  const worker = new Worker(entryFile('probe'), {
    workerData: order,
    name: 'accelerator probe',
    execArgv: [],
    stdout: true,
  });
  // Keep the module's prints out of the program's stdout, which may be a JSON document.
  worker.stdout.on('data', (chunk) => process.stderr.write(chunk));
  let timer: NodeJS.Timeout | undefined;
  try {
    const answer = await new Promise<ProbeAnswer>((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', (cause) =>
        reject(MultifdError.from(cause, 'accelerator-unavailable', at(module))),
      );
      worker.once('exit', (code) => reject(gone(module, `it ended its thread with code ${code}`)));
      timer = setTimeout(() => reject(gone(module, `it took longer than ${PATIENCE} ms`)), PATIENCE);
    });
    if ('probed' in answer) return answer.probed;
    throw MultifdError.fromReport(answer.error);
  } finally {
    clearTimeout(timer);
    await worker.terminate();
  }
}

function at(module: string): string {
  return `accelerator module ${module}, while it was imported and probed`;
}

function gone(module: string, how: string): MultifdError {
  return new MultifdError('accelerator-unavailable', `${at(module)}: ${how}`, {
    hint: 'it is a mistake of that module: tell its author',
  });
}

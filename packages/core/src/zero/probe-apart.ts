import { Worker } from 'node:worker_threads';
import { type ErrorReport, MultifdError } from '../errors.js';
import { LOAD_PATIENCE } from '../load-export.js';
import type { ProbedAccelerator } from './choice.js';
import { PROBE_PATIENCE } from './probe.js';

/** ms that a module may take to be imported and to answer its probes: its thread tells sooner which one it was. */
const PATIENCE = LOAD_PATIENCE + PROBE_PATIENCE + 1000;

/** What the thread says. */
export type ProbeAnswer = { readonly probed: readonly ProbedAccelerator[] } | { readonly error: ErrorReport };

/**
 * Imports a module and probes its accelerators in a thread of its own. It is other people's code, and nothing has
 * begun yet: it may end its thread, hold it for ever, or leave timers behind, and the program goes on.
 *
 * @throws MultifdError `accelerator-unavailable`.
 */
export async function probeApart(module: string): Promise<readonly ProbedAccelerator[]> {
  // Every file of this package is bundled into the folder that holds `threads`.
  const worker = new Worker(new URL('./entries/probe.js', import.meta.url), {
    workerData: module,
    name: 'accelerator probe',
    execArgv: [],
    stdout: true,
  });
  // The program's own output stays its own: a JSON document, for one.
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

import { Worker } from 'node:worker_threads';

type ThreadName = 'digest' | 'fill' | 'vcpu';

/**
 * This file lies beside `threads/`, `processes/` and `page/`, and what it is bundled into does so in `dist`: that is why it lies
 * here, and nothing in those folders may use it.
 */
function entry(name: ThreadName): URL {
  return new URL(`./threads/${name}.js`, import.meta.url);
}

/** Starts one of our worker threads. `data` must be good for `postMessage`. */
export function startThread(name: ThreadName, data: unknown): Worker {
  return new Worker(entry(name), { workerData: data, name: `multifd-${name}` });
}

/** What `bench` starts with Node beside the command itself. */
export function processEntry(name: 'warm' | 'ceiling'): URL {
  return new URL(`./processes/${name}.js`, import.meta.url);
}

/** What runs in a browser, on the page of `bench`. */
export function pageScript(): URL {
  return new URL('./page/draw.js', import.meta.url);
}

/** The command's own entry, to start it once more as another process. */
export const CLI_ENTRY = new URL('./cli.js', import.meta.url);

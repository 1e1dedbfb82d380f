import { type Transferable, Worker } from 'node:worker_threads';
import { MultifdError } from '../errors.js';
import { entryFile } from '../limits/entry-file.js';
import type { FailureClaim, FirstFailure } from './first-failure.js';
import type { Interrupt } from './interrupt.js';

/** ms that a thread may take to end by itself before it is terminated. */
const GRACE = 1000;

export type ThreadEntry =
  | 'source-channel'
  | 'source-migration'
  | 'incoming'
  | 'relay-incoming'
  | 'relay-channel'
  | 'tls';

/** The `workerData` of every thread of a migration. */
export interface ThreadData<Data> {
  readonly data: Data;
  readonly claim: FailureClaim;
}

/** Handle of one worker thread, for its owner in the API thread. */
export interface Thread<In> {
  readonly where: string;
  post(message: In, transfer?: Parameters<Worker['postMessage']>[1]): void;
}

/**
 * The worker threads of one migration, owned by the API thread. Each reports by messages; a thread that dies without
 * a report is a failure like any other. When the migration is over, `join` waits for all.
 */
export class ThreadGroup<In extends { readonly type: string }, Out extends { readonly type: string }> {
  readonly #workers = new Map<Worker, Promise<void>>();
  readonly #onFailure: (error: MultifdError, where: string) => void;
  readonly #failures: FirstFailure;
  readonly #interrupt: Interrupt | undefined;
  #joining = false;

  /**
   * @param onFailure the thread called `where` died; it may be called more than once.
   * @param failures holds back a thread's failure (`onFailure` and the message `failed`) until the first was heard.
   * @param interrupt ends the waits of threads that block; owned by the caller.
   */
  constructor(
    onFailure: (error: MultifdError, where: string) => void,
    failures: FirstFailure,
    interrupt?: Interrupt,
  ) {
    this.#onFailure = onFailure;
    this.#failures = failures;
    this.#interrupt = interrupt;
  }

  /**
   * Starts a thread. If it cannot be started, that is a failure of the thread, reported in a later microtask.
   * @param data goes into the thread's `workerData`: shared buffers are shared, everything else is copied.
   * @param transfer what of `data` is transferred.
   */
  spawn(
    entry: ThreadEntry,
    where: string,
    data: unknown,
    onMessage: (message: Out) => void,
    transfer: readonly Transferable[] = [],
  ): Thread<In> {
    let worker: Worker;
    const claim = this.#failures.newThread();
    const failed = (error: MultifdError): void =>
      this.#failures.hear(claim.number, () => this.#onFailure(error, where));
    const workerData: ThreadData<unknown> = { data, claim };
    try {
      worker = new Worker(entryFile(entry), {
        workerData,
        transferList: [...transfer],
        name: where,
        // Threads must not inherit the Node options of the program's command line.
        execArgv: [],
        stdout: true,
      });
    } catch (cause) {
      const error = MultifdError.from(cause, 'internal', `${where}: its thread cannot be started`);
      // Asynchronously, as for a thread that dies: the caller is still starting threads.
      queueMicrotask(() => failed(error));
      return { where, post: () => {} };
    }
    // Keep a plug-in's prints out of the program's stdout, which may be a JSON document.
    worker.stdout.on('data', (chunk) => process.stderr.write(chunk));
    let saidWhy = false;
    const exited = new Promise<void>((resolve) => {
      worker.once('exit', (code) => {
        this.#workers.delete(worker);
        if (!this.#joining && !saidWhy) {
          failed(new MultifdError('internal', `${where}: its thread ended without a word, code ${code}`));
        }
        resolve();
      });
    });
    this.#workers.set(worker, exited);
    worker.on('message', (message: Out) => {
      saidWhy ||= ['done', 'stopped', 'failed'].includes(message.type);
      if (message.type === 'failed') this.#failures.hear(claim.number, () => onMessage(message));
      else onMessage(message);
    });
    worker.on('error', (cause) => failed(MultifdError.from(cause, 'internal', `${where}: its thread died`)));
    return { where, post: (message, transfer) => worker.postMessage(message, transfer) };
  }

  /** Posts a message to every thread. */
  broadcast(message: In): void {
    for (const worker of this.#workers.keys()) worker.postMessage(message);
  }

  /** Tells every thread to stop, also one in a blocking call. */
  stop(message: In): void {
    this.broadcast(message);
    this.#interrupt?.fire();
  }

  /** Waits until every thread has ended; terminates those that do not end by themselves. */
  async join(): Promise<void> {
    this.#joining = true;
    const all = [...this.#workers.values()];
    const timer = setTimeout(() => {
      // A thread in a blocking call cannot be terminated.
      this.#interrupt?.fire();
      for (const worker of this.#workers.keys()) void worker.terminate();
    }, GRACE);
    await Promise.all(all);
    clearTimeout(timer);
  }
}

import { type Transferable, Worker } from 'node:worker_threads';
import { MultifdError } from '../errors.js';
import type { FailureClaim, FirstFailure } from './first-failure.js';
import type { Interrupt } from './interrupt.js';

/** ms that a thread gets to end by itself before it is ended. */
const GRACE = 1000;

export type ThreadEntry =
  | 'source-channel'
  | 'source-migration'
  | 'incoming'
  | 'relay-incoming'
  | 'relay-channel';

/** The `workerData` of every thread of a migration. */
export interface ThreadData<Data> {
  readonly data: Data;
  readonly claim: FailureClaim;
}

/** One worker thread as its owner in the API thread sees it. */
export interface Thread<In> {
  readonly where: string;
  post(message: In, transfer?: Parameters<Worker['postMessage']>[1]): void;
}

/**
 * The worker threads of one migration, owned by the API thread. Each tells about itself by messages; a thread
 * that dies without a word is a failure like any other. When the migration is over, `join` waits for all.
 */
export class ThreadGroup<In extends { readonly type: string }, Out extends { readonly type: string }> {
  readonly #workers = new Map<Worker, Promise<void>>();
  readonly #onFailure: (error: MultifdError, where: string) => void;
  readonly #failures: FirstFailure;
  readonly #interrupt: Interrupt | undefined;
  #joining = false;

  /**
   * @param onFailure the thread called `where` died; it may be called more than once.
   * @param failures holds a thread's failure back, `onFailure` and the message `failed`, until the first was heard.
   * @param interrupt ends the waits of threads that block; the caller's.
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
   * @param data goes into the thread's `workerData`: shared buffers are shared, everything else is copied.
   * @param transfer what of it is given away.
   */
  spawn(
    entry: ThreadEntry,
    where: string,
    data: unknown,
    onMessage: (message: Out) => void,
    transfer: readonly Transferable[] = [],
  ): Thread<In> {
    // Every file of this package is bundled into the folder that holds `threads`.
    let worker: Worker;
    const claim = this.#failures.newThread();
    const failed = (error: MultifdError): void =>
      this.#failures.hear(claim.number, () => this.#onFailure(error, where));
    const workerData: ThreadData<unknown> = { data, claim };
    try {
      worker = new Worker(new URL(`./entries/${entry}.js`, import.meta.url), {
        workerData,
        transferList: [...transfer],
        name: where,
        // A migration thread must not act on what the program's own command line asks of Node.
        execArgv: [],
        stdout: true,
      });
    } catch (cause) {
      const error = MultifdError.from(cause, 'internal', `${where}: its thread cannot be started`);
      // Later, as for a thread that dies: who starts threads is in the middle of something.
      queueMicrotask(() => failed(error));
      return { where, post: () => {} };
    }
    // What a module of somebody's prints must not get into the program's own output: a JSON document, for one.
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

  /** Tells every thread. */
  broadcast(message: In): void {
    for (const worker of this.#workers.keys()) worker.postMessage(message);
  }

  /** Tells every thread to stop, one that waits in a blocking call too. */
  stop(message: In): void {
    this.broadcast(message);
    this.#interrupt?.fire();
  }

  /** Waits until every thread has ended; those that do not end by themselves are ended. */
  async join(): Promise<void> {
    this.#joining = true;
    const all = [...this.#workers.values()];
    const timer = setTimeout(() => {
      // A thread cannot be ended while it waits in a blocking call.
      this.#interrupt?.fire();
      for (const worker of this.#workers.keys()) void worker.terminate();
    }, GRACE);
    await Promise.all(all);
    clearTimeout(timer);
  }
}

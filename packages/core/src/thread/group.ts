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
  readonly jobs: readonly { readonly data: Data; readonly claim: FailureClaim }[];
}

/** A message between the API thread and one of a thread's jobs. */
export interface Envelope<Message> {
  /** The job's number in its thread. */
  readonly job: number;
  readonly message: Message;
}

/** What a thread is to do. */
export interface Job<Out> {
  /** Its name in messages. */
  readonly where: string;
  /** Goes into the thread's `workerData`: shared buffers are shared, everything else is copied. */
  readonly data: unknown;
  readonly onMessage: (message: Out) => void;
  /** What of `data` is transferred. */
  readonly transfer?: readonly Transferable[];
}

/** Handle of one job, for its owner in the API thread. */
export interface Thread<In> {
  readonly where: string;
  post(message: In, transfer?: Parameters<Worker['postMessage']>[1]): void;
}

/** Posts a message to the job with this number. */
type Post<In> = (job: number, message: In, transfer?: Parameters<Worker['postMessage']>[1]) => void;

/**
 * The worker threads of one migration, owned by the API thread. Each reports by messages; a thread that dies without
 * a report is a failure like any other. When the migration is over, `join` waits for all.
 */
export class ThreadGroup<In extends { readonly type: string }, Out extends { readonly type: string }> {
  readonly #workers = new Map<Worker, { readonly jobs: number; readonly exited: Promise<void> }>();
  readonly #onFailure: (error: MultifdError, jobs: readonly string[]) => void;
  readonly #failures: FirstFailure;
  readonly #interrupt: Interrupt | undefined;
  #joining = false;

  /**
   * @param onFailure a thread died, and these of its jobs with it, by their names; it may be called more than once.
   * @param failures holds back a thread's failure (`onFailure` and the message `failed`) until the first was heard.
   * @param interrupt ends the waits of threads that block; owned by the caller.
   */
  constructor(
    onFailure: (error: MultifdError, jobs: readonly string[]) => void,
    failures: FirstFailure,
    interrupt?: Interrupt,
  ) {
    this.#onFailure = onFailure;
    this.#failures = failures;
    this.#interrupt = interrupt;
  }

  /** Starts a thread. If it cannot be started, that is a failure of the thread, reported in a later microtask. */
  spawn(entry: ThreadEntry, job: Job<Out>): Thread<In> {
    return { where: job.where, post: this.#start(entry, [job]).bind(undefined, 0) };
  }

  /** As `spawn`, of one thread for all of `jobs`, which run side by side in it. @returns one for each. */
  spawnShared(entry: ThreadEntry, jobs: readonly Job<Out>[]): readonly Thread<In>[] {
    const post = this.#start(entry, jobs);
    return jobs.map(({ where }, index) => ({ where, post: post.bind(undefined, index) }));
  }

  /** @returns posts a message to the job with this number. */
  #start(entry: ThreadEntry, jobs: readonly Job<Out>[]): Post<In> {
    const started = jobs.map((job) => ({ ...job, claim: this.#failures.newThread(), saidWhy: false }));
    const failed = (error: MultifdError, of = started): void => {
      const [first] = of;
      if (first === undefined) return;
      const names = of.map(({ where }) => where);
      this.#failures.hear(first.claim.number, () => this.#onFailure(error, names));
    };
    const workerData: ThreadData<unknown> = { jobs: started.map(({ data, claim }) => ({ data, claim })) };
    const name = nameOf(jobs);
    let worker: Worker;
    try {
      worker = new Worker(entryFile(entry), {
        workerData,
        transferList: jobs.flatMap(({ transfer = [] }) => transfer),
        name,
        // Threads must not inherit the Node options of the program's command line.
        execArgv: [],
        stdout: true,
      });
    } catch (cause) {
      const error = MultifdError.from(cause, 'internal', `${name}: its thread cannot be started`);
      // Asynchronously, as for a thread that dies: the caller is still starting threads.
      queueMicrotask(() => failed(error));
      return () => {};
    }
    // Keep a plug-in's prints out of the program's stdout, which may be a JSON document.
    worker.stdout.on('data', (chunk) => process.stderr.write(chunk));
    const exited = new Promise<void>((resolve) => {
      worker.once('exit', (code) => {
        this.#workers.delete(worker);
        if (!this.#joining) {
          const error = new MultifdError(
            'internal',
            `${name}: its thread ended without a word, code ${code}`,
          );
          failed(
            error,
            started.filter(({ saidWhy }) => !saidWhy),
          );
        }
        resolve();
      });
    });
    this.#workers.set(worker, { jobs: jobs.length, exited });
    worker.on('message', ({ job, message }: Envelope<Out>) => {
      const from = started[job];
      if (from === undefined) return;
      from.saidWhy ||= ['done', 'stopped', 'failed'].includes(message.type);
      if (message.type === 'failed') this.#failures.hear(from.claim.number, () => from.onMessage(message));
      else from.onMessage(message);
    });
    worker.on('error', (cause) => failed(MultifdError.from(cause, 'internal', `${name}: its thread died`)));
    return (job, message, transfer) => {
      const envelope: Envelope<In> = { job, message };
      worker.postMessage(envelope, transfer);
    };
  }

  /** Posts a message to every job. */
  broadcast(message: In): void {
    for (const [worker, { jobs }] of this.#workers) {
      for (let job = 0; job < jobs; job++) {
        const envelope: Envelope<In> = { job, message };
        worker.postMessage(envelope);
      }
    }
  }

  /** Tells every thread to stop, also one in a blocking call. */
  stop(message: In): void {
    this.broadcast(message);
    this.#interrupt?.fire();
  }

  /** Waits until every thread has ended; terminates those that do not end by themselves. */
  async join(): Promise<void> {
    this.#joining = true;
    const all = [...this.#workers.values()].map(({ exited }) => exited);
    const timer = setTimeout(() => {
      // A thread in a blocking call cannot be terminated.
      this.#interrupt?.fire();
      for (const worker of this.#workers.keys()) void worker.terminate();
    }, GRACE);
    await Promise.all(all);
    clearTimeout(timer);
  }
}

function nameOf([first, second, ...more]: readonly { readonly where: string }[]): string {
  if (second === undefined) return `${first?.where}`;
  return more.length === 0
    ? `${first?.where} and ${second.where}`
    : `${first?.where} and ${more.length + 1} others`;
}

import { parentPort, workerData } from 'node:worker_threads';
import { type ErrorReport, MultifdError } from '../errors.js';
import { claimFailure, type FailureClaim } from './first-failure.js';
import type { Envelope, ThreadData } from './group.js';

/** What a thread entry runs. */
export interface ThreadJob {
  /** Name of the job's connection or thread, for messages. */
  readonly where: string;
  run(): Promise<void>;
  /** Frees everything, after success or failure. Must not throw. */
  close(): Promise<void>;
}

/** A thread's last message. */
export type Ending =
  | { readonly type: 'done' }
  /** The API thread told it to stop. */
  | { readonly type: 'stopped' }
  | { readonly type: 'failed'; readonly error: ErrorReport };

/** The jobs of one thread. */
export interface ThreadJobs {
  /** Number of jobs that have not ended. */
  readonly running: number;
  /** Whether the thread was started with more than one: then none may block it. */
  readonly areShared: boolean;
}

/**
 * Runs a thread's jobs side by side, and reports to the API thread how each ended. The whole of a thread's entry.
 * @param create makes a job from its start data.
 */
export async function runThread<Data, In extends { readonly type: string }, Out>(
  create: (data: Data, port: ThreadPort<In, Out>) => ThreadJob,
): Promise<void> {
  const { jobs }: ThreadData<Data> = workerData;
  const state = { running: jobs.length, areShared: jobs.length > 1 };
  const started = jobs.map(({ data, claim }, index) => ({
    data,
    port: new ThreadPort<In, Out>(claim, index, state),
  }));
  parentPort?.on('message', ({ job, message }: Envelope<In>) => started[job]?.port.take(message));
  // Claim early: a dying thread drops its connections before the API thread hears of it.
  process.once('uncaughtExceptionMonitor', () => {
    for (const { port } of started) port.claimFailure();
  });
  process.once('exit', () => {
    for (const { port } of started) if (!port.isClosed) port.claimFailure();
  });
  const ended = started.map(async ({ data, port }) => {
    await runJob(port, create(data, port));
    state.running--;
  });
  await Promise.all(ended);
  // So that the thread ends.
  parentPort?.close();
}

/** Does not throw. */
async function runJob<In extends { readonly type: string }, Out>(
  port: ThreadPort<In, Out>,
  job: ThreadJob,
): Promise<void> {
  try {
    await job.run();
    port.post({ type: 'done' });
  } catch (cause) {
    const error = MultifdError.from(cause, 'internal', job.where);
    if (error.code === 'cancelled') port.post({ type: 'stopped' });
    else port.fail(error);
  } finally {
    await job.close();
    port.isClosed = true;
  }
}

/**
 * A job's end of the line to the API thread: typed messages, an abort signal, and one way to end.
 */
export class ThreadPort<In extends { readonly type: string }, Out> {
  /** All jobs of this thread. */
  readonly jobs: ThreadJobs;
  readonly #abort = new AbortController();
  readonly #arrived = new Map<string, In[]>();
  readonly #wanted = new Map<string, (message: In) => void>();
  readonly #listeners = new Map<string, (message: In) => void>();
  readonly #claim: FailureClaim;
  readonly #job: number;
  /** Whether the job is over: what happens to its thread is no failure of it any more. */
  isClosed = false;

  /** @param job its number among the jobs of this thread. */
  constructor(claim: FailureClaim, job: number, jobs: ThreadJobs) {
    this.#claim = claim;
    this.#job = job;
    this.jobs = jobs;
  }

  /** A message of the API thread for this job. */
  take(message: In): void {
    if (message.type === 'abort') this.#abort.abort();
    const listener = this.#listeners.get(message.type);
    if (listener !== undefined) {
      listener(message);
      return;
    }
    const wanted = this.#wanted.get(message.type);
    if (wanted !== undefined) {
      this.#wanted.delete(message.type);
      wanted(message);
    } else {
      this.#arrived.set(message.type, [...(this.#arrived.get(message.type) ?? []), message]);
    }
  }

  /** Aborts when the API thread posts `abort`. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  post(message: Out | Ending): void {
    const envelope: Envelope<Out | Ending> = { job: this.#job, message };
    parentPort?.postMessage(envelope);
  }

  /** Reports a failure and claims its time: call it before closing anything because of it. May be called twice. */
  fail(error: MultifdError): void {
    // A thread that was told to stop is not the first to fail.
    if (error.code !== 'cancelled') this.claimFailure();
    this.post({ type: 'failed', error: error.toReport() });
  }

  /** Calls `listener` for each message of this type from now on; replaces an earlier listener. */
  listen<T extends In['type']>(
    type: T,
    listener: (message: Extract<In, { readonly type: T }>) => void,
  ): void {
    const isMeant = (message: In): message is Extract<In, { readonly type: T }> => message.type === type;
    this.#listeners.set(type, (message) => {
      if (isMeant(message)) listener(message);
    });
  }

  /** Waits for the next message of this type. @throws MultifdError `cancelled` on abort. */
  async next<T extends In['type']>(type: T): Promise<Extract<In, { readonly type: T }>> {
    const isWanted = (message: In): message is Extract<In, { readonly type: T }> => message.type === type;
    const waiting = this.#arrived.get(type)?.shift();
    const message =
      waiting ??
      (await new Promise<In>((resolve, reject) => {
        const stop = (): void => reject(new MultifdError('cancelled', 'the thread was told to stop'));
        if (this.signal.aborted) return stop();
        this.signal.addEventListener('abort', stop, { once: true });
        this.#wanted.set(type, (found) => {
          this.signal.removeEventListener('abort', stop);
          resolve(found);
        });
      }));
    if (!isWanted(message)) throw new MultifdError('internal', `expected ${type}, got ${message.type}`);
    return message;
  }

  /** Claims to be the first failure. */
  claimFailure(): void {
    claimFailure(this.#claim);
  }
}

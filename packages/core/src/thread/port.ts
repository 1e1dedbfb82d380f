import { parentPort } from 'node:worker_threads';
import { type ErrorReport, MultifdError } from '../errors.js';
import { claimFailure, type FailureClaim } from './first-failure.js';

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

/** Runs a thread's job and reports to the API thread how it ended. */
export async function runThread<In extends { readonly type: string }, Out>(
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
    port.close();
  }
}

/**
 * A worker thread's end of its port to the API thread: typed messages, an abort signal, and one way to end. Created
 * once in each thread entry.
 */
export class ThreadPort<In extends { readonly type: string }, Out> {
  readonly #abort = new AbortController();
  readonly #arrived = new Map<string, In[]>();
  readonly #wanted = new Map<string, (message: In) => void>();
  readonly #listeners = new Map<string, (message: In) => void>();
  readonly #claim: FailureClaim;
  #isClosed = false;

  constructor(claim: FailureClaim) {
    this.#claim = claim;
    // Claim early: a dying thread drops its connections before the API thread hears of it.
    process.once('uncaughtExceptionMonitor', () => claimFailure(claim));
    process.once('exit', () => {
      if (!this.#isClosed) claimFailure(claim);
    });
    parentPort?.on('message', (message: In) => {
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
    });
  }

  /** Aborts when the API thread posts `abort`. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  post(message: Out | Ending): void {
    parentPort?.postMessage(message);
  }

  /** Reports a failure and claims its time: call it before closing anything because of it. May be called twice. */
  fail(error: MultifdError): void {
    // A thread that was told to stop is not the first to fail.
    if (error.code !== 'cancelled') claimFailure(this.#claim);
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

  /** Closes the port, so that the thread ends when its work is done. */
  close(): void {
    this.#isClosed = true;
    parentPort?.close();
  }
}

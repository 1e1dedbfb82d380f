import { Worker } from 'node:worker_threads';
import { MultifdError } from '@multifd/core/ram';
import type { FromThread, ToThread } from './messages.js';

const MORE =
  'raise what is too small: ulimit -u, ulimit -n, ulimit -v, or pids.max of the control group (--pids-limit of a container)';

/** An ingest thread, as the thread sees it that started it: a question at a time. */
export class IngestWorker {
  readonly #worker: Worker;
  #failure: MultifdError | undefined;
  #answer: ((message: FromThread) => void) | undefined;
  #refuse: ((error: MultifdError) => void) | undefined;

  /** @throws MultifdError `io` if the system has no thread for it. */
  constructor() {
    this.#worker = start();
    this.#worker.on('message', (message: FromThread) => {
      if (message.type === 'failed') this.fail(MultifdError.fromReport(message.error));
      else this.#answer?.(message);
    });
    this.#worker.on('error', (error) => this.fail(ofThread(error)));
    // One that waits for a guest keeps nobody from ending.
    this.#worker.unref();
    this.#worker.on('exit', () => this.fail(new MultifdError('internal', 'an ingest thread ended early')));
  }

  async ask(message: ToThread): Promise<FromThread> {
    if (this.#failure !== undefined) throw this.#failure;
    return new Promise<FromThread>((resolve, reject) => {
      this.#worker.ref();
      this.#answer = resolve;
      this.#refuse = reject;
      this.#worker.postMessage(message);
    }).finally(() => this.#worker.unref());
  }

  /** All that is asked, now and later, fails with this. */
  fail(error: MultifdError): void {
    this.#failure ??= error;
    this.#refuse?.(this.#failure);
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }
}

function start(): Worker {
  try {
    // Built, both lie in `dist`.
    return new Worker(new URL('./ingest-thread.js', import.meta.url), { name: 'multifd-ingest' });
  } catch (cause) {
    throw ofThread(cause);
  }
}

/** What has kept a thread from starting, or ended it. */
function ofThread(cause: unknown): MultifdError {
  const error = MultifdError.from(cause, 'internal', 'a thread that stores the guest');
  // Where a thread is missing core advises fewer channels, and there may be none here.
  if (error.code !== 'io' || error.hint?.includes('multifdChannels') !== true) return error;
  return new MultifdError('io', error.message, { cause, hint: MORE });
}

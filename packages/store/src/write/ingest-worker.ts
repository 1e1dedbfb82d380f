import { Worker } from 'node:worker_threads';
import { MultifdError } from '@multifd/core/ram';
import type { FromThread, ToThread } from './messages.js';

/** An ingest thread, as the thread sees it that started it: a question at a time. */
export class IngestWorker {
  readonly #worker: Worker;
  #failure: MultifdError | undefined;
  #answer: ((message: FromThread) => void) | undefined;
  #refuse: ((error: MultifdError) => void) | undefined;

  constructor() {
    // Built, both lie in `dist`.
    this.#worker = new Worker(new URL('./ingest-thread.js', import.meta.url), {
      name: 'multifd-ingest',
    });
    this.#worker.on('message', (message: FromThread) => {
      if (message.type === 'failed') this.fail(MultifdError.fromReport(message.error));
      else this.#answer?.(message);
    });
    this.#worker.on('error', (error) => this.fail(MultifdError.from(error, 'internal', 'an ingest thread')));
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

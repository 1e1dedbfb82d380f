import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import { Line } from './line.js';
import type { AdapterKind, Lost, ServingData, ToServingThread } from './protocol.js';

/** ms that what was begun may take when the process wants to end. Making a kernel takes half a second. */
const REST_PATIENCE = 5_000;

/**
 * The thread that has a device, as its owner sees it: the thread that asked first. It is there until its owner ends, or
 * the device is lost; it keeps no process alive.
 */
export class ServingThread {
  static readonly #running = new Map<AdapterKind, ServingThread>();
  readonly #worker: Worker;

  private constructor(adapter: AdapterKind) {
    const rest = new SharedArrayBuffer(4);
    const workerData: ServingData = { adapter, loseAfter: loseAfter(), rest };
    // Every file of this package is bundled into the folder that holds `threads`.
    this.#worker = new Worker(new URL('./threads/serve.js', import.meta.url), {
      workerData,
      name: `gpu (${adapter})`,
      execArgv: [],
    });
    // Node ends a thread between any two lines of its code, and the driver's binding (Dawn, webgpu 0.6) aborts the process
    // if that was within a call of it, or if the driver answers later. So the thread is first brought to rest.
    const comeToRest = (): void => {
      this.#post({ type: 'rest' });
      Atomics.wait(new Int32Array(rest), 0, 0, REST_PATIENCE);
    };
    process.once('exit', comeToRest);
    const forget = (): void => {
      process.off('exit', comeToRest);
      if (ServingThread.#running.get(adapter) === this) ServingThread.#running.delete(adapter);
    };
    this.#worker.on('message', ({ type }: Lost) => {
      if (type === 'lost') forget();
    });
    // Its lines end with it, and say so to whoever waits for an answer.
    this.#worker.on('error', forget);
    this.#worker.on('exit', forget);
    // Last: a listener for messages keeps the process alive again.
    this.#worker.unref();
  }

  /** The one of this thread; started if there is none. */
  static of(adapter: AdapterKind): ServingThread {
    const running = ServingThread.#running.get(adapter) ?? new ServingThread(adapter);
    ServingThread.#running.set(adapter, running);
    return running;
  }

  /** One more line, for this thread or any other. */
  connect(): MessagePort {
    const { port1, port2 } = new MessageChannel();
    this.#post({ type: 'connect', port: port2 }, [port2]);
    return port1;
  }

  /** Asks one thing over a line of its own. */
  async ask<T>(question: (line: Line) => Promise<T>): Promise<T> {
    const line = new Line(this.connect());
    try {
      return await question(line);
    } finally {
      line.close();
    }
  }

  #post(message: ToServingThread, transfer: readonly MessagePort[] = []): void {
    this.#worker.postMessage(message, transfer);
  }
}

/** A rehearsal of the worst (docs/offload-gpu.md): the device is given up once so many batches have been sent. */
function loseAfter(): number | undefined {
  const given = Number(process.env.MULTIFD_GPU_LOSE_AFTER ?? Number.NaN);
  return Number.isSafeInteger(given) && given > 0 ? given : undefined;
}

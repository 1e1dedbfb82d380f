import type { ThreadJob, ThreadPort } from '../../thread/port.js';
import type { FromTlsThread, TlsThreadData, ToTlsThread } from './acceptor.js';
import { TlsTerminal } from './terminal.js';

/** One thread that ends TLS on incoming connections, any number of them. */
export class AcceptingThread implements ThreadJob {
  readonly where = 'TLS thread';
  readonly #data: TlsThreadData;
  readonly #port: ThreadPort<ToTlsThread, FromTlsThread>;
  #open = 0;
  #idle: (() => void) | undefined;

  constructor(data: TlsThreadData, port: ThreadPort<ToTlsThread, FromTlsThread>) {
    this.#data = data;
    this.#port = port;
  }

  async run(): Promise<void> {
    const { tls, timeout, suites } = this.#data;
    this.#port.listen('connection', ({ socket, port }) => {
      this.#open++;
      new TlsTerminal(socket, tls, timeout, port, suites, () => {
        this.#open--;
        this.#port.post({ type: 'closed' });
        if (this.#open === 0) this.#idle?.();
      });
    });
    await new Promise<void>((resolve) => this.#port.signal.addEventListener('abort', () => resolve()));
    // Last words may still be on their way; whoever reads a connection closes it.
    if (this.#open > 0)
      await new Promise<void>((resolve) => {
        this.#idle = resolve;
      });
  }

  async close(): Promise<void> {}
}

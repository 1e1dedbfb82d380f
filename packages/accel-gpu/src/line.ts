import type { MessagePort } from 'node:worker_threads';
import type { Answer, CheckRequest, Description, KernelChoice, Request } from './protocol.js';

/** What is asked, without its number. */
type Question = Request extends infer Each ? (Each extends Request ? Omit<Each, 'id'> : never) : never;

/** It cannot run here, and what to do. */
export class Refused extends Error {
  readonly fix: string;

  constructor(reason: string, fix: string) {
    super(reason);
    this.fix = fix;
  }
}

/**
 * The asking end of a line to the thread that has the device. Keeps its thread alive only while an answer is due.
 * Closing it, or the end of the other thread, rejects what is still open.
 */
export class Line {
  readonly #port: MessagePort;
  readonly #open = new Map<number, { resolve: (answer: Answer) => void; reject: (error: Error) => void }>();
  #next = 0;
  #ended: string | undefined;

  /** @param port the line's from now on. */
  constructor(port: MessagePort) {
    this.#port = port;
    port.on('message', (answer: Answer) => {
      this.#open.get(answer.id)?.resolve(answer);
      this.#settled(answer.id);
    });
    port.on('close', () => this.#end('the thread that has the device has ended'));
    port.unref();
  }

  /** @throws Refused, or Error if it failed. */
  async describe(kernel: KernelChoice): Promise<Description> {
    const answer = await this.#ask({ type: 'describe', kernel });
    if (answer.type === 'described') return answer.description;
    throw unexpected(answer);
  }

  /** @returns a bit for each page that is used. @throws Error if it failed: the memory is not read any more. */
  async check(request: Omit<CheckRequest, 'type'>): Promise<Uint32Array> {
    const answer = await this.#ask({ type: 'check', ...request });
    if (answer.type === 'checked') return answer.used;
    throw unexpected(answer);
  }

  /** @returns bytes a second. */
  async resident(kernel: KernelChoice, passes: number): Promise<number> {
    const answer = await this.#ask({ type: 'resident', kernel, passes });
    if (answer.type === 'measured') return answer.bytesPerSecond;
    throw unexpected(answer);
  }

  close(): void {
    this.#end('it was closed');
    this.#port.close();
  }

  #ask(question: Question): Promise<Answer> {
    if (this.#ended !== undefined) return Promise.reject(new Error(this.#ended));
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#open.set(id, { resolve, reject });
      this.#port.ref();
      this.#port.postMessage({ id, ...question });
    });
  }

  #settled(id: number): void {
    this.#open.delete(id);
    if (this.#open.size === 0) this.#port.unref();
  }

  #end(reason: string): void {
    this.#ended ??= reason;
    for (const { reject } of this.#open.values()) reject(new Error(this.#ended));
    this.#open.clear();
    this.#port.unref();
  }
}

function unexpected(answer: Answer): Error {
  if (answer.type === 'refused') return new Refused(answer.reason, answer.fix);
  return new Error(answer.type === 'failed' ? answer.reason : `an answer of another kind: ${answer.type}`);
}

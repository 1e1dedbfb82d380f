import type { Socket } from 'node:net';
import { Arguments } from './arguments.js';
import { JsonSplitter } from './json-splitter.js';
import { Refusal } from './refusal.js';
import { readRequest, shown } from './request.js';

/** Runs a command of the negotiated monitor. @throws Refusal, or anything else, which the client gets as `GenericError`. */
export type Execute = (command: string, given: Readonly<Record<string, unknown>>) => unknown;

/** Bytes of answers that a client may leave unread. */
const UNREAD = 4 * 2 ** 20;

const NEGOTIATE = 'qmp_capabilities';

/** One client of a monitor. Answers come in the order of the commands. */
export class MonitorSession {
  readonly #socket: Socket;
  readonly #execute: Execute;
  readonly #texts: JsonSplitter;
  #negotiated = false;
  /** What comes now cannot be told apart any more. */
  #isUnreadable = false;
  /** The command before this one is answered. */
  #last: Promise<void> = Promise.resolve();

  /**
   * @param socket belongs to the session.
   * @param greeting sent at once.
   * @param longest bytes of a command, at most: a client that sends more is dropped.
   */
  constructor(socket: Socket, greeting: object, longest: number, execute: Execute) {
    this.#socket = socket;
    this.#execute = execute;
    this.#texts = new JsonSplitter(longest);
    // How a client goes is no matter of the migration's.
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk: Uint8Array) => this.#receive(chunk));
    this.#send(greeting);
  }

  /** Tells of an event, if the client has negotiated. */
  tell(event: object): void {
    if (this.#negotiated) this.#send(event);
  }

  /** Sends what is left, and closes. */
  end(): void {
    this.#socket.end();
    this.#socket.unref();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #receive(chunk: Uint8Array): void {
    if (this.#isUnreadable) return;
    try {
      for (const text of this.#texts.push(chunk)) this.#inTurn(() => this.#answer(text));
    } catch (error) {
      this.#isUnreadable = true;
      this.#inTurn(() => {
        this.#send({ error: described(error) });
        this.end();
      });
    }
  }

  #inTurn(work: () => void | Promise<void>): void {
    this.#last = this.#last.then(work);
  }

  async #answer(text: string | Refusal): Promise<void> {
    let id: unknown;
    try {
      if (text instanceof Refusal) throw text;
      const read = readRequest(text);
      ({ id } = read);
      if (read.request instanceof Refusal) throw read.request;
      const value = await this.#run(read.request.execute, read.request.arguments);
      this.#send({ return: value ?? {}, ...withId(id) });
    } catch (error) {
      this.#send({ error: described(error), ...withId(id) });
    }
  }

  #run(command: string, given: Readonly<Record<string, unknown>>): unknown {
    if (command === NEGOTIATE && !this.#negotiated) {
      checkWanted(new Arguments(given));
      this.#negotiated = true;
      return {};
    }
    if (command === NEGOTIATE) {
      const complete = 'Capabilities negotiation is already complete, command ignored';
      throw new Refusal(complete, 'CommandNotFound');
    }
    if (!this.#negotiated)
      throw new Refusal(`Expecting capabilities negotiation with '${NEGOTIATE}'`, 'CommandNotFound');
    return this.#execute(command, given);
  }

  #send(message: object): void {
    if (this.#socket.destroyed || this.#socket.writableEnded) return;
    this.#socket.write(`${JSON.stringify(message)}\r\n`);
    if (this.#socket.writableLength > UNREAD) this.#socket.destroy();
  }
}

/** @throws Refusal if the client wants a capability of QMP's own: the greeting offers none. */
function checkWanted(given: Arguments): void {
  const [wanted] = given.strings('enable') ?? [];
  given.end();
  if (wanted !== undefined) throw new Refusal(`Capability ${shown(wanted)} not available`);
}

function withId(id: unknown): object {
  return id === undefined ? {} : { id };
}

function described(error: unknown): object {
  const kind = error instanceof Refusal ? error.class : 'GenericError';
  return { class: kind, desc: error instanceof Error ? error.message : String(error) };
}

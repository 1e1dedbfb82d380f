import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import { MultifdError } from '../../errors.js';
import type { FirstLook, Look } from '../first-look.js';
import type { TlsPeer } from './credentials.js';
import type { FromTerminal, ToTerminal } from './messages.js';
import type { PortEnd } from './port-stream.js';

/**
 * Reads the first decrypted bytes of a TLS connection in the API thread, without waiting and without taking the port
 * over: messages stay in it until they are asked for, so it can be handed to another thread at any time.
 */
export class PortLook implements FirstLook {
  readonly untouched = true;
  readonly #port: MessagePort;
  readonly #chunks: Uint8Array[] = [];
  #peer: TlsPeer | undefined;
  #ended: PortEnd | undefined;
  #isBroken = false;

  constructor(port: MessagePort) {
    this.#port = port;
  }

  /** Who is at the other end, once that is proven. */
  get peer(): TlsPeer | undefined {
    return this.#peer;
  }

  /** Whether the client has ended. */
  get ended(): PortEnd | undefined {
    return this.#ended;
  }

  get isBroken(): boolean {
    return this.#isBroken;
  }

  /** @param most the terminal sends no more than the first window, which is what may be looked at in all. */
  read(most: number): Look {
    for (;;) {
      const chunk = this.#chunks.shift();
      if (chunk !== undefined) {
        if (chunk.length > most)
          throw new MultifdError('internal', 'more decrypted bytes than were asked for');
        return chunk;
      }
      if (this.#ended !== undefined) return 'ended';
      const message = this.#next();
      if (message === undefined) return 'nothing';
      if (message.type === 'secure') this.#peer = message.peer;
      else if (message.type === 'bytes') this.#chunks.push(...message.chunks);
      else if (message.type === 'ended') this.#ended = message.cut ? 'cut' : 'said';
      else if (message.type === 'refused' || message.type === 'broken' || message.type === 'closed') {
        this.#isBroken = true;
        return message.type === 'refused' ? MultifdError.fromReport(message.reason) : 'broken';
      }
    }
  }

  #next(): FromTerminal | undefined {
    const received: { message: FromTerminal } | undefined = receiveMessageOnPort(this.#port);
    return received?.message;
  }

  write(bytes: Uint8Array): boolean {
    const message: ToTerminal = { type: 'write', bytes: Uint8Array.from(bytes) };
    this.#port.postMessage(message);
    return true;
  }
}

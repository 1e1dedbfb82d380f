import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type ErrorReport, MultifdError } from '@multifd/core';
import type { GuestReport } from '../guest/prepared-guest.js';
import { cancelled } from '../interrupt.js';
import { CLI_ENTRY } from '../threads.js';
import { isLoopbackMessage, type LoopbackMessage } from './messages.js';

/** ms that a destination gets to say why it failed, and to end by itself. */
const LAST_WORD = 1000;

/**
 * The destination of `loopback`: `multifd receive` in a process of its own. It ends when this process ends, in
 * whatever way: it is killed by `close`, and it ends itself when the IPC channel breaks.
 */
export class LoopbackDestination {
  readonly #child: ChildProcess;
  readonly #listening = Promise.withResolvers<string>();
  /** Fulfilled when it has finished, failed or died. */
  readonly #over = Promise.withResolvers<void>();
  readonly #killAtExit = () => this.#child.kill('SIGKILL');
  #error: ErrorReport | undefined;
  #guest: GuestReport | undefined;

  /**
   * @param args what `receive` is given beside the address.
   * @param entry the command that is started; tests have one of their own.
   */
  constructor(args: readonly string[], entry: URL = CLI_ENTRY) {
    const command = [fileURLToPath(entry), 'receive', 'tcp:127.0.0.1:0', '--loopback-child', ...args];
    this.#child = spawn(process.execPath, command, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    this.#listening.promise.catch(() => {});
    process.once('exit', this.#killAtExit);
    this.#child.on('message', (message) => {
      if (isLoopbackMessage(message)) this.#onMessage(message);
    });
    this.#child.once('error', (error) =>
      this.#end(MultifdError.from(error, 'io', 'loopback: cannot start').toReport()),
    );
    this.#child.once('exit', (code, signal) => {
      const how = signal === null ? `ended with exit code ${code}` : `was ended by ${signal}`;
      this.#end({ code: 'peer-closed', message: `the loopback destination ${how}` });
    });
  }

  /**
   * Where it listens.
   * @param timeout ms that it gets to say so.
   * @throws MultifdError whatever kept it from listening; `timeout`; `cancelled`.
   */
  async address(signal: AbortSignal, timeout: number): Promise<string> {
    const stop = () => this.#listening.reject(cancelled());
    const timer = setTimeout(() => this.#listening.reject(silent(timeout)), timeout);
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
    try {
      return await this.#listening.promise;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', stop);
    }
  }

  /**
   * The better one of two errors: what this side saw, or what the destination says was wrong. A source often
   * sees no more than a closed connection.
   */
  async explain(error: unknown): Promise<unknown> {
    if (!MultifdError.is(error) || error.code !== 'peer-closed') return error;
    await this.#wait();
    const theirs = this.#error;
    // Where the guest is, this side knows: it is the one that let go of it or did not.
    const place = error.guest === undefined ? {} : { guest: error.guest };
    if (theirs === undefined || theirs.code === 'cancelled') return error;
    if (theirs.code === 'peer-closed') {
      return new MultifdError('peer-closed', `${error.message} (${theirs.message})`, {
        cause: error,
        ...place,
      });
    }
    const hint = theirs.hint === undefined ? {} : { hint: theirs.hint };
    return new MultifdError(theirs.code, `destination: ${theirs.message}`, {
      ...hint,
      ...place,
      cause: error,
    });
  }

  /** What became of the guest there, after a migration that completed. */
  async guest(): Promise<GuestReport | undefined> {
    await this.#wait();
    return this.#guest;
  }

  /** Ends it if it still runs. */
  close(): void {
    process.off('exit', this.#killAtExit);
    this.#child.removeAllListeners();
    this.#child.kill('SIGKILL');
    if (this.#child.connected) this.#child.disconnect();
    this.#child.unref();
  }

  async #wait(): Promise<void> {
    await Promise.race([this.#over.promise, delay(LAST_WORD, undefined, { ref: false })]);
  }

  #onMessage(message: LoopbackMessage): void {
    if (message.type === 'listening') this.#listening.resolve(message.address);
    else if (message.type === 'failed') this.#end(message.error);
    else {
      this.#guest = message.guest;
      this.#over.resolve();
    }
  }

  /** The first word counts: what it said of itself is more than that it ended. */
  #end(error: ErrorReport): void {
    this.#error ??= error;
    this.#listening.reject(MultifdError.fromReport(error));
    this.#over.resolve();
  }
}

function silent(timeout: number): MultifdError {
  return new MultifdError(
    'timeout',
    `loopback: the destination process did not say within ${timeout} ms where it listens`,
    { hint: 'it hangs, or this machine is very busy: then give it more time with --setup-timeout' },
  );
}

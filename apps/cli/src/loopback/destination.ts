import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import {
  type ErrorCode,
  type ErrorReport,
  MultifdError,
  saidByDestination,
  saidBySource,
} from '@multifd/core';
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
  /** It ended without a word of its own. */
  #hasDied = false;
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
      const ended = () => {
        this.#hasDied = this.#error === undefined;
        this.#end({ code: 'peer-closed', message: `the loopback destination ${how}` });
      };
      // What it said last may still be on its way.
      if (this.#child.connected) this.#child.once('disconnect', ended);
      else ended();
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
    if (theirs === undefined || theirs.code === 'cancelled') return error;
    // It never listened, and that is what this side was told of it.
    if (error.message === theirs.message) return error;
    const { guest } = error;
    // Where the guest is, this side knows: it is the one that let go of it or did not.
    const words = guest === undefined ? undefined : ownWords(error.hint, saidBySource(guest).words);
    const explained = (code: ErrorCode, message: string, ...hints: readonly (string | undefined)[]) => {
      const hint = hints.filter((part) => part !== undefined).join('; ');
      return new MultifdError(code, message, {
        cause: error,
        ...(hint === '' ? {} : { hint }),
        ...(guest === undefined ? {} : { guest }),
      });
    };
    if (this.#hasDied) return explained('peer-closed', `${theirs.message} (${error.message})`, words);
    // Each saw the other close.
    if (theirs.code === 'peer-closed')
      return explained('peer-closed', `${error.message} (${theirs.message})`, error.hint);
    return explained(theirs.code, `destination: ${theirs.message}`, withoutPlace(theirs), words);
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

/** What this side says of the guest. It may say more than usual: then that is kept, with what it advises. */
function ownWords(hint: string | undefined, usual: string): string {
  return hint === undefined || hint.endsWith(usual) ? usual : hint;
}

/** What the destination advises, without what it says of the guest. */
function withoutPlace({ hint, guest }: ErrorReport): string | undefined {
  if (hint === undefined || guest === undefined) return hint;
  const { words } = saidByDestination(guest);
  if (hint === words) return undefined;
  return hint.endsWith(`; ${words}`) ? hint.slice(0, -words.length - 2) : hint;
}

function silent(timeout: number): MultifdError {
  return new MultifdError(
    'timeout',
    `loopback: the destination process did not say within ${timeout} ms where it listens`,
    { hint: 'if this machine is very busy, give it more time with --setup-timeout' },
  );
}

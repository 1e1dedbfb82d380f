import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { MultifdError } from '@multifd/core';
import { processEntry } from '../threads.js';

/**
 * Makes sure that this machine has memory to give. On a virtual machine the hypervisor takes back what has been free for
 * about two seconds, and to get it again costs several times what Linux itself needs for a page. Whoever is measured
 * first would pay that, and whoever comes next would not. So as much memory is mapped, touched and freed right before each
 * contender, in a process of its own.
 *
 * @param bytes as many as the contender will touch. @returns ms that touching took.
 */
export async function warm(bytes: number, signal: AbortSignal): Promise<number> {
  const { said, ended } = start(bytes, signal);
  await ended;
  return Number(await said);
}

export interface Holder {
  /** Frees the memory. */
  release(): Promise<void>;
}

/**
 * The same for a contender that makes its guest first: keeps the memory until `release`, which is to be called when the
 * destination is about to need it.
 */
export async function hold(bytes: number, signal: AbortSignal): Promise<Holder> {
  const { child, said, ended } = start(bytes, signal, 'hold');
  await said;
  return {
    async release() {
      child.stdin?.end();
      await ended;
    },
  };
}

interface Warming {
  readonly child: ChildProcess;
  readonly said: Promise<string>;
  readonly ended: Promise<void>;
}

function start(bytes: number, signal: AbortSignal, ...args: readonly string[]): Warming {
  const command = [fileURLToPath(processEntry('warm')), `${bytes}`, ...args];
  const child = spawn(process.execPath, command, {
    stdio: ['pipe', 'pipe', 'inherit'],
    signal,
    killSignal: 'SIGKILL',
  });
  const said = Promise.withResolvers<string>();
  child.stdout.setEncoding('utf8').once('data', (text: string) => said.resolve(text));
  const ended = new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, killer) => {
      if (code === 0) resolve();
      else reject(new MultifdError('io', `warming ${bytes} bytes of memory ended with ${code ?? killer}`));
    });
  });
  ended.catch(said.reject);
  said.promise.catch(() => {});
  return { child, said: said.promise, ended };
}

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Case, Outcome } from './cases.ts';
import { LIMIT, MOST_MEMORY, peakMemory } from './rules.ts';

const ENGINE = fileURLToPath(new URL('./engine.ts', import.meta.url));

/**
 * Runs cases in a process of their own, one for many cases: it starts another one when a case has hung, or ended it. A case
 * that takes the process beyond the limit of memory is at fault.
 */
export class Supervisor {
  #child: ChildProcess | undefined;
  #stderr = '';
  /** Bytes: the most that any of its processes had. */
  peak = 0;

  /** @param save folder for the bytes of the case. */
  async run(what: Case, save?: string): Promise<Outcome> {
    const child = this.#engine();
    const { pid } = child;
    this.#stderr = '';
    child.send({ case: what, ...(save === undefined ? {} : { save }) });
    const outcome = await this.#answer(child);
    const memory = pid === undefined ? 0 : peakMemory(pid);
    this.peak = Math.max(this.peak, memory);
    const stray = this.#stderr === '' ? [] : [`stderr: ${this.#stderr.slice(0, 2000)}`];
    const fat = memory > MOST_MEMORY ? [`${Math.round(memory / 2 ** 20)} MiB of memory`] : [];
    const faults = [...outcome.faults, ...stray, ...fat];
    // The mark stays at its highest: the next case begins anew.
    if (fat.length > 0 || outcome.end === 'hangs') await this.close();
    return { ...outcome, faults };
  }

  async close(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }

  #engine(): ChildProcess {
    if (this.#child !== undefined) return this.#child;
    const child = fork(ENGINE, [], { stdio: ['ignore', 'inherit', 'pipe', 'ipc'] });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
    });
    child.once('exit', () => {
      if (this.#child === child) this.#child = undefined;
    });
    this.#child = child;
    return child;
  }

  async #answer(child: ChildProcess): Promise<Outcome> {
    const over = new AbortController();
    const { signal } = over;
    const answered = once(child, 'message', { signal }).then(([outcome]) => outcome);
    const died = once(child, 'exit', { signal }).then(([code, name]) => `it died: ${String(name ?? code)}`);
    const late = new Promise<string>((resolve) => {
      const timer = setTimeout(() => resolve(`it did not end in ${LIMIT / 1000} s`), LIMIT);
      signal.addEventListener('abort', () => clearTimeout(timer));
    });
    try {
      const outcome: unknown = await Promise.race([answered, died, late]);
      if (isOutcome(outcome)) return outcome;
      return { twists: [], end: 'hangs', faults: [String(outcome)] };
    } finally {
      over.abort();
      await Promise.allSettled([answered, died]);
    }
  }
}

function isOutcome(value: unknown): value is Outcome {
  return (
    typeof value === 'object' && value !== null && 'faults' in value && 'end' in value && 'twists' in value
  );
}

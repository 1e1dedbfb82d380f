import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { fixture } from './fixtures.js';
import { inTime } from './outcome.js';

export type Line = Readonly<Record<string, unknown>>;

/** A fixture that runs in a process of its own and tells what happens on stdout, one JSON document a line. */
export class Peer {
  readonly lines: Line[] = [];
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;
  #onLine: (() => void) | undefined;

  constructor(name: string, argument: unknown) {
    this.#child = spawn(process.execPath, [fileURLToPath(fixture(name)), JSON.stringify(argument)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#exited = once(this.#child, 'exit');
    if (this.#child.stdout === null) throw new Error('no stdout');
    createInterface({ input: this.#child.stdout }).on('line', (line) => {
      const parsed: Line = JSON.parse(line);
      this.lines.push(parsed);
      this.#onLine?.();
    });
  }

  /** The first line that has all of `wanted`, now or later. */
  async line(wanted: Line): Promise<Line> {
    const find = async (): Promise<Line> => {
      for (;;) {
        const found = this.lines.find((line) =>
          Object.entries(wanted).every(([key, value]) => line[key] === value),
        );
        if (found !== undefined) return found;
        await new Promise<void>((resolve) => {
          this.#onLine = resolve;
        });
      }
    };
    return inTime(find(), `a line ${JSON.stringify(wanted)}`);
  }

  /** Waits until the process has ended by itself. */
  async ended(): Promise<number | null> {
    await inTime(this.#exited, 'the process');
    return this.#child.exitCode;
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exited;
  }
}

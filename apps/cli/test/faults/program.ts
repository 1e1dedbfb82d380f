import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { diesWithUs } from '@multifd/testing/dies-with-us';
import type { Role } from './cases.ts';
import type { Document, EndOutcome, Step } from './outcome.ts';

const CLI = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));
/** ms in which a process that starts says that it is there, on a busy machine. */
const START = 60_000;

/** One end of the migration: the real command. */
export class Program {
  readonly role: Role;
  readonly #child: ChildProcess;
  readonly #steps: Step[] = [];
  readonly #waiting = new Set<() => void>();
  #lines: string[] = [];
  #rest = '';
  #stdout = '';
  #endedAt: number | undefined;
  readonly ended: Promise<void>;

  /**
   * @param wrap a program, with its arguments, that becomes the command.
   * @param node options of Node's.
   */
  constructor(
    role: Role,
    args: readonly string[],
    env: NodeJS.ProcessEnv,
    wrap: readonly string[] = [],
    node: readonly string[] = [],
  ) {
    this.role = role;
    const words = [...wrap, process.execPath, ...node, CLI, ...args, '--json', '--progress', 'json'];
    const [file = '', ...rest] = words;
    this.#child = spawn(...diesWithUs(file, rest), {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#stdout += text;
    });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => this.#read(text));
    this.ended = once(this.#child, 'close').then(() => {
      this.#endedAt = Date.now();
      this.#look();
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** ms of the clock; undefined: it runs. */
  get endedAt(): number | undefined {
    return this.#endedAt;
  }

  get isOver(): boolean {
    return this.#endedAt !== undefined;
  }

  /** The last state that it reported. */
  get status(): string {
    return this.#steps.at(-1)?.status ?? 'none';
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  /** Where it listens. @throws Error if it does not. */
  async address(): Promise<string> {
    const find = (): string | undefined =>
      this.#lines.map((line) => /listening on (tcp:\S+)/.exec(line)?.[1]).find((each) => each !== undefined);
    await this.until('it listens', () => find() !== undefined, START);
    return find() ?? '';
  }

  /** Waits until `condition` holds, which is asked again at each of its lines and now and then. @throws Error when it is over before. */
  async until(what: string, condition: () => boolean, limit: number): Promise<void> {
    const end = performance.now() + limit;
    while (!condition()) {
      if (this.isOver) throw new Error(`never: ${what}: ${this.role} has ended: ${this.#lines.join(' | ')}`);
      if (performance.now() > end) throw new Error(`never: ${what}: ${this.role} is at ${this.status}`);
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          clearTimeout(timer);
          this.#waiting.delete(wake);
          resolve();
        };
        const timer = setTimeout(wake, 10);
        this.#waiting.add(wake);
      });
    }
  }

  /** @param since when the fault came: ms of the clock. @param isStruck the fault was meant for it. */
  outcome(since: number, isStruck: boolean): Omit<EndOutcome, 'hasWaited'> {
    return {
      role: this.role,
      isStruck,
      code: this.#child.exitCode,
      signal: this.#child.signalCode,
      document: documentOf(this.#stdout),
      stderr: [...this.#lines, ...(this.#rest === '' ? [] : [this.#rest])],
      steps: this.#steps.map(({ status, at }) => ({ status, at: at - since })),
      seconds: this.#endedAt === undefined ? undefined : Math.max(0, this.#endedAt - since) / 1000,
    };
  }

  #read(text: string): void {
    const lines = `${this.#rest}${text}`.split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      const step = line.startsWith('{') ? stepOf(line) : undefined;
      if (step === undefined) this.#lines.push(line);
      else if (step.status !== this.status) this.#steps.push(step);
    }
    this.#look();
  }

  #look(): void {
    for (const wake of [...this.#waiting]) wake();
  }
}

/** A line of `--progress json`: the state, and the time of this machine's clock. */
function stepOf(line: string): Step | undefined {
  const document = parse(line);
  const status = stringOf(memberOf(document, 'status'));
  const time = stringOf(memberOf(document, 'time'));
  return status === undefined || time === undefined ? undefined : { status, at: Date.parse(time) };
}

function documentOf(stdout: string): Document | undefined {
  const document = parse(stdout);
  const text = (name: string): string | undefined => stringOf(memberOf(document, name));
  const status = text('status');
  if (status === undefined) return undefined;
  return {
    status,
    guestAt: text('guest-at'),
    errorClass: text('error-class'),
    errorDesc: text('error-desc'),
    hint: text('hint'),
    isVerified: memberOf(document, 'verified') === true,
    guestState: stringOf(memberOf(memberOf(document, 'guest'), 'state')),
    host: stringOf(memberOf(memberOf(document, 'host'), 'name')),
  };
}

function stringOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}

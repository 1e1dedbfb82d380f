/**
 * Two hosts, each a process: a machine boots on A, moves to B while it runs, and goes on there.
 *
 *   node src/main.ts [FOLDER]     with FOLDER: the Linux that `fetch-linux.sh` has put there
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(new URL('./host.ts', import.meta.url));

class Host {
  /** Numbers that the guest has said here. */
  readonly numbers: number[] = [];
  readonly #process: ChildProcess;
  readonly #lines: string[] = [];
  #heard: () => void = () => {};

  constructor(name: string, args: readonly string[], numberOf: (line: string) => number | undefined) {
    this.#process = spawn(process.execPath, [PROGRAM, ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
    let rest = '';
    this.#process.stdout?.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        const number = numberOf(line);
        if (number !== undefined) this.numbers.push(number);
        // Its first words, and then it is enough.
        if (number === undefined || this.numbers.length <= 3) console.log(`${name}  ${line}`);
      }
      this.#lines.push(...lines);
      this.#heard();
    });
    this.#process.once('exit', () => this.#heard());
  }

  tell(command: string): void {
    this.#process.stdin?.write(`${command}\n`);
  }

  /** Waits until this is so. @throws Error if the process ends. */
  async until(isSo: () => boolean): Promise<void> {
    while (!isSo()) {
      if (this.#process.exitCode !== null) throw new Error('a host has ended');
      await new Promise<void>((resolve) => {
        this.#heard = resolve;
      });
    }
  }

  /** Waits for a line that matches. */
  async says(what: RegExp): Promise<string> {
    await this.until(() => this.#lines.some((line) => what.test(line)));
    return this.#lines.find((line) => what.test(line)) ?? '';
  }

  kill(): void {
    this.#process.kill('SIGKILL');
  }
}

const [linux] = process.argv.slice(2);
/** The counter says hex digits, Linux's first program says decimal ones. */
const numberOf = (line: string): number | undefined => {
  const [, digits] = (linux === undefined ? /^\| ([0-9A-F]{8})$/ : /^\| (\d+)$/).exec(line) ?? [];
  return digits === undefined ? undefined : Number.parseInt(digits, linux === undefined ? 16 : 10);
};
/** The next number that the guest says. */
const STEP = linux === undefined ? 64 : 1;
const ENOUGH = 20;

const folder = mkdtempSync(join(tmpdir(), 'v86-'));
const address = `unix:${join(folder, 'b')}`;
const hosts: Host[] = [];
const start = (name: string, ...args: string[]): Host => {
  const host = new Host(name, args, numberOf);
  hosts.push(host);
  return host;
};

try {
  const a = start('A', 'boot', ...(linux === undefined ? [] : [linux]));
  const b = start('B', 'wait', address);
  await b.says(/listening/);
  await a.until(() => a.numbers.length >= ENOUGH);

  console.log('\n-- to B, while it runs');
  a.tell(`migrate ${address}`);
  const left = await a.says(/has left|not migrated/);
  if (left.startsWith('not migrated')) throw new Error(left);
  await b.until(() => b.numbers.length >= ENOUGH);

  const all = [...a.numbers, ...b.numbers];
  const gap = all.findIndex((number, at) => at > 0 && number !== (all[at - 1] ?? 0) + STEP);
  if (gap !== -1) throw new Error(`after ${all[gap - 1]} the guest has said ${all[gap]}`);
  if (linux === undefined) {
    b.tell('check');
    const answer = await b.says(/memory is right|WRONG/);
    if (answer.startsWith('WRONG')) throw new Error(answer);
  }
  console.log(
    `\nThe machine has moved and goes on: ${a.numbers.at(-1)} was its last number on A, ${b.numbers[0]} its first on B.`,
  );
} finally {
  for (const host of hosts) host.kill();
  rmSync(folder, { recursive: true, force: true });
}

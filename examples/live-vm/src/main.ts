/** Three hosts, each a process: a machine boots on A, goes to B after a cancellation and a failure, and on to C. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(new URL('./host.ts', import.meta.url));

class Host {
  readonly #process: ChildProcess;
  readonly #lines: string[] = [];
  #heard: () => void = () => {};

  constructor(name: string, ...args: string[]) {
    this.#process = spawn(process.execPath, [PROGRAM, ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
    let rest = '';
    this.#process.stdout?.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) console.log(`${name}  ${line}`);
      this.#lines.push(...lines);
      this.#heard();
    });
    this.#process.once('exit', () => this.#heard());
  }

  tell(command: string): void {
    this.#process.stdin?.write(`${command}\n`);
  }

  /** Waits for the next line that matches, and forgets it and those before it. */
  async says(what: RegExp): Promise<string> {
    for (;;) {
      const at = this.#lines.findIndex((line) => what.test(line));
      const line = this.#lines[at];
      if (line !== undefined) {
        this.#lines.splice(0, at + 1);
        return line;
      }
      if (this.#process.exitCode !== null) throw new Error(`a host has ended without saying ${what}`);
      await new Promise<void>((resolve) => {
        this.#heard = resolve;
      });
    }
  }

  async check(): Promise<number> {
    this.tell('check');
    const answer = await this.says(/memory is right|WRONG/);
    if (answer.startsWith('WRONG')) throw new Error(answer);
    return Number(/(\d+) steps/.exec(answer)?.[1]);
  }

  kill(): void {
    this.#process.kill('SIGKILL');
  }
}

const folder = mkdtempSync(join(tmpdir(), 'live-vm-'));
const address = { b: `unix:${join(folder, 'b')}`, c: `unix:${join(folder, 'c')}` };
const hosts: Host[] = [];
const start = (name: string, ...args: string[]): Host => {
  const host = new Host(name, ...args);
  hosts.push(host);
  return host;
};

try {
  const a = start('A', 'boot');
  await a.says(/booted/);

  console.log('\n-- slowly to B, and cancelled meanwhile: the machine runs on where it is');
  const firstB = start('B', 'wait', address.b);
  await firstB.says(/listening/);
  // 1 MiB a second, far less than the machine dirties: this cannot end by itself.
  a.tell(`migrate ${address.b} 1`);
  await a.says(/round 1/);
  a.tell('cancel');
  await a.says(/not migrated/);
  const before = await a.check();

  console.log('\n-- B has crashed. A tries until B is back');
  firstB.kill();
  a.tell(`migrate ${address.b}`);
  await a.says(/attempt 1 failed/);
  const b = start('B', 'wait', address.b);
  await a.says(/has left/);
  await b.says(/has arrived/);
  const there = await b.check();

  console.log('\n-- on from B to C');
  const c = start('C', 'wait', address.c);
  await c.says(/listening/);
  b.tell(`migrate ${address.c}`);
  await b.says(/has left/);
  await c.says(/has arrived/);
  const further = await c.check();

  if (!(before < there && there < further)) throw new Error('the machine has stood still');
  console.log(`\nThe machine has moved twice, every page as it was: ${before}, ${there}, ${further} steps.`);
} finally {
  for (const host of hosts) host.kill();
  rmSync(folder, { recursive: true, force: true });
}

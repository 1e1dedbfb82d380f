import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { MappedRam } from '../../src/index.js';

const FIXTURE = fileURLToPath(new URL('../fixtures/other-process.mjs', import.meta.url));

/** A process that has this one's memfd mapped, and writes to it at random. */
export interface OtherProcess {
  readonly process: number;
  /** Where it has the memory. */
  readonly address: number;
  /** Lets it end by itself. @returns the number of its writes. */
  end(): Promise<number>;
  kill(): void;
}

export async function startOther(ram: MappedRam, seed: number): Promise<OtherProcess> {
  const file = `/proc/${process.pid}/fd/${ram.memfd}`;
  const args = [FIXTURE, file, String(ram.descriptor.length), String(seed)];
  const child: ChildProcess = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const { stdin, stdout, pid } = child;
  if (stdin === null || stdout === null || pid === undefined) throw new Error('no other process');
  const lines = createInterface({ input: stdout });
  const [first] = await once(lines, 'line');
  return {
    process: pid,
    address: Number(first),
    async end() {
      const last = once(lines, 'line');
      stdin.end();
      const [line] = await last;
      return Number(String(line).split(' ')[1]);
    },
    kill: () => child.kill('SIGKILL'),
  };
}

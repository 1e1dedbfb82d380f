import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { eventually } from './cli.js';

/** A shell that lowers a limit of its own and then becomes the command. */
export const limited = (option: string) => ['bash', '-c', `ulimit ${option}; exec "$@"`, 'bash'];

/** A control group with the pids controller, and how many threads it allows. */
export class PidsGroup {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** A shell that joins the group, which allows so many threads, and then becomes the command. */
  limited(threads: number): readonly string[] {
    this.allow(threads);
    return ['bash', '-c', 'echo $$ > "$1/cgroup.procs" && shift && exec "$@"', 'bash', this.#path];
  }

  allow(threads: number): void {
    writeFileSync(join(this.#path, 'pids.max'), String(threads));
  }

  /** Threads that are there. */
  get current(): number {
    return Number(readFileSync(join(this.#path, 'pids.current'), 'utf8'));
  }

  /** A process of a test may still be on its way out. */
  async remove(): Promise<void> {
    await eventually(
      'the group is empty',
      () => readFileSync(join(this.#path, 'cgroup.procs'), 'utf8') === '',
    );
    rmdirSync(this.#path);
  }
}

/** A new group for the tests of a file, of cgroup v1 or v2; undefined where this user cannot make one. */
export function pidsGroup(): PidsGroup | undefined {
  for (const top of ['/sys/fs/cgroup/pids', '/sys/fs/cgroup']) {
    const path = join(top, `multifd-test-${process.pid}`);
    try {
      mkdirSync(path);
      if (existsSync(join(path, 'pids.max'))) {
        const group = new PidsGroup(path);
        afterAll(() => group.remove());
        return group;
      }
      rmdirSync(path);
    } catch {
      // Not there, or not ours to make one in.
    }
  }
  return undefined;
}

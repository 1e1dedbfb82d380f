import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { diesWithUs } from '@multifd/testing/dies-with-us';

/** Bytes of a small disk, with room for the guest of 64 MiB as long as nobody fills it. */
const DISK = '160m';
const CHUNK = Buffer.alloc(64 * 1024, 0x55);

/** Whether this user may mount what only one command sees. */
export const canMount =
  process.platform === 'linux' &&
  spawnSync('unshare', ['--mount', 'mount', '-t', 'tmpfs', 'x', '/mnt']).status === 0;

/** The folders of one case: `in` for what is received, `small` for a disk that can be filled, `tmp` for temporary files. */
export class Place {
  readonly base: string;
  /** Its mount namespace is that of the small disk. */
  #holder: ChildProcess | undefined;

  /** @param parent where its folders come to be. */
  constructor(parent: string) {
    this.base = mkdtempSync(join(parent, 'case-'));
    for (const name of ['in', 'small', 'tmp']) mkdirSync(join(this.base, name));
  }

  at(...names: readonly string[]): string {
    return join(this.base, ...names);
  }

  get env(): NodeJS.ProcessEnv {
    return { TMPDIR: this.at('tmp'), MULTIFD_HELD_DISK: this.at('held') };
  }

  holdDisk(): void {
    writeFileSync(this.at('held'), '');
  }

  releaseDisk(): void {
    rmSync(this.at('held'), { force: true });
  }

  /** Mounts the small disk. @returns words that make a command see it. */
  async mount(): Promise<readonly string[]> {
    const script = 'mount -t tmpfs -o size="$1" multifd "$2" && echo mounted && exec cat';
    const words = ['--mount', 'sh', '-c', script, 'sh', DISK, this.at('small')];
    const holder = spawn(...diesWithUs('unshare', words), { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#holder = holder;
    await once(holder.stdout, 'data');
    return ['nsenter', '--mount', '--target', `${holder.pid ?? 0}`, '--'];
  }

  /** Fills the small disk. */
  fill(): void {
    const path = this.#seen('filler');
    for (;;) {
      try {
        writeFileSync(path, CHUNK, { flag: 'a' });
      } catch {
        return;
      }
    }
  }

  /** What has filled it goes: every command that looks at a store puts a lease there. */
  free(): void {
    if (this.#holder !== undefined) rmSync(this.#seen('filler'), { force: true });
  }

  /** A path on the small disk, as this process sees it; without one, of the folder `in`. */
  kept(name: string): string {
    return this.#holder === undefined ? this.at('in', name) : this.#seen(name);
  }

  /** The words for the command: where that file is. */
  target(name: string): string {
    return this.#holder === undefined ? this.at('in', name) : this.at('small', name);
  }

  /** What is in the folders, but for what belongs there. @param isExpected of names in the folder of what is received. */
  left(isExpected: (name: string) => boolean): readonly string[] {
    const own = ['in', 'small', 'tmp'];
    const here = readdirSync(this.base, { recursive: true }).map(String);
    const small =
      this.#holder === undefined ? [] : readdirSync(this.#seen('.'), { recursive: true }).map(String);
    return [
      ...here.filter((name) => !own.includes(name)).map((name) => name.replace(/^in\//, '')),
      ...small.filter((name) => name !== 'filler'),
    ].filter((name) => !isExpected(name));
  }

  /** Processes that were started for this case and are still there. */
  processes(): readonly string[] {
    const mark = `TMPDIR=${this.at('tmp')}\0`;
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .filter((pid) => read(`/proc/${pid}/environ`).includes(mark))
      .map((pid) => read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim());
  }

  async close(): Promise<void> {
    const holder = this.#holder;
    this.#holder = undefined;
    if (holder !== undefined) {
      const ended = once(holder, 'exit');
      holder.stdin?.end();
      await ended;
    }
    rmSync(this.base, { recursive: true, force: true });
  }

  #seen(name: string): string {
    return join(`/proc/${this.#holder?.pid ?? 0}/root`, this.at('small', name));
  }
}

/** Empty if the process is gone, or another user's. */
function read(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

/** TCP sockets of these ports that somebody still has, or listens on. What only waits to be forgotten does not count. */
export function socketsOf(ports: readonly number[]): readonly string[] {
  const LASTING = new Map([
    ['01', 'established'],
    ['08', 'close-wait'],
    ['0A', 'listening'],
  ]);
  return ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((table) =>
    read(table)
      .trim()
      .split('\n')
      .slice(1)
      .map((line) => line.trim().split(/\s+/))
      .filter(([, local = '', remote = '']) => [local, remote].some((end) => ports.includes(portOf(end))))
      .flatMap(([, , , state = '']) => LASTING.get(state) ?? [])
      .map((state) => `a socket that is ${state}`),
  );
}

function portOf(end: string): number {
  return Number.parseInt(end.split(':').at(-1) ?? '', 16);
}

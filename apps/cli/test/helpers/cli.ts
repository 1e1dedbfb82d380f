import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { diesWithUs } from '@multifd/testing/dies-with-us';
import { expect, onTestFinished } from 'vitest';

const CLI = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  /** What stderr holds so far. */
  stderr(): string;
  /** Waits until stderr matches, and gives the match's first group, or all of it. */
  says(pattern: RegExp): Promise<string>;
  /** The same for stdout. */
  shows(pattern: RegExp): Promise<string>;
}

interface StartOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** KiB. */
  readonly limitFileSize?: number;
  /** A program, with its arguments, that does something first and then becomes the command. */
  readonly wrap?: readonly string[];
  /** Words for mount(8): of a file system that only this command sees. Only where `canMount`. */
  readonly mount?: string;
}

/** Whether this user may mount what only one command sees (Linux). */
export const canMount =
  process.platform === 'linux' &&
  spawnSync('unshare', ['--mount', 'mount', '-t', 'tmpfs', 'x', '/mnt']).status === 0;

/** Starts the real command, as a user would; it does not outlive the test. */
export function start(args: readonly string[], options: StartOptions = {}): Running {
  const { cwd, env, limitFileSize, mount, wrap = [] } = options;
  const command = [process.execPath, CLI, ...args];
  // ulimit counts in KiB.
  const limited = `ulimit -f ${limitFileSize}; exec "$@"`;
  const [file = '', ...rest] =
    mount !== undefined
      ? ['unshare', '--mount', 'sh', '-c', `mount ${mount} && exec "$@"`, 'sh', ...command]
      : limitFileSize !== undefined
        ? ['bash', '-c', limited, 'sh', ...command]
        : [...wrap, ...command];
  const child = spawn(...diesWithUs(file, rest), { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  const waiting = new Set<() => void>();
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    for (const look of waiting) look();
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
    for (const look of waiting) look();
  });
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  const waitFor = (pattern: RegExp, text: () => string) =>
    new Promise<string>((resolve, reject) => {
      const look = () => {
        const match = pattern.exec(text());
        if (match === null) return;
        waiting.delete(look);
        resolve(match[1] ?? match[0]);
      };
      waiting.add(look);
      look();
      void ended.then(() => reject(new Error(`it ended and never said ${pattern}:\n${text()}`)));
    });
  return {
    child,
    ended,
    stderr: () => stderr,
    says: (pattern) => waitFor(pattern, () => stderr),
    shows: (pattern) => waitFor(pattern, () => stdout),
  };
}

export function run(args: readonly string[], options: StartOptions = {}): Promise<Ended> {
  return start(args, options).ended;
}

/** The document of a migration that must succeed and say nothing else. */
export async function migrateJson(args: readonly string[]) {
  const ended = await run(['migrate', ...args, '--json']);
  // On a busy machine a guest may write faster than it is sent: that is said, and is no failure.
  const said = ended.stderr.split('\n').filter((line) => line !== '' && !line.includes('dirties memory'));
  expect(said).toEqual([]);
  expect(ended.code).toBe(0);
  return JSON.parse(ended.stdout);
}

/** Starts `receive` on a free port, and gives it with the address that it said it listens on. */
export async function startReceive(
  args: readonly string[],
  options: StartOptions = {},
): Promise<Running & { address: string }> {
  const running = start(['receive', 'tcp:127.0.0.1:0', ...args], options);
  return { ...running, address: await running.says(/listening on (tcp:\S+)/) };
}

/** Process ids of the children of `parent` (Linux). */
export function childrenOf(parent: number | undefined): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => parentOf(pid) === parent);
}

export function isAlive(pid: number): boolean {
  const state = statOf(pid)?.[0];
  return state !== undefined && state !== 'Z';
}

/** Waits until the process `pid` has the connections of a migration with two channels (Linux). */
export function connected(pid: number): Promise<void> {
  return eventually('the migration begins', () => isConnected(pid), 60_000);
}

/** Whether the process `pid` is there and has the connections of a migration with two channels (Linux). */
export function isConnected(pid: number): boolean {
  try {
    return tcpConnections(pid) >= 3;
  } catch {
    // It is gone.
    return false;
  }
}

/** Established TCP connections (IPv4) of a process (Linux). */
function tcpConnections(pid: number): number {
  const open = new Set(
    readdirSync(`/proc/${pid}/fd`).map(
      (fd) => /^socket:\[(\d+)\]$/.exec(linkOf(`/proc/${pid}/fd/${fd}`))?.[1],
    ),
  );
  const table = readFileSync(`/proc/${pid}/net/tcp`, 'utf8').trim().split('\n').slice(1);
  const established = table.map((line) => line.trim().split(/\s+/)).filter((columns) => columns[3] === '01');
  return established.filter((columns) => open.has(columns[9])).length;
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

function parentOf(pid: number): number | undefined {
  const parent = statOf(pid)?.[1];
  return parent === undefined ? undefined : Number(parent);
}

/** Bytes of memory that a process has, in pages of 4 KiB as x86-64 and arm64 have them; 0 if it is gone. */
export function residentBytes(pid: number | undefined): number {
  return pid === undefined ? 0 : Number(statOf(pid)?.[21] ?? 0) * 4096;
}

/** State, parent and the rest of /proc/PID/stat behind the name, which may hold anything. */
function statOf(pid: number): string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}

/** Waits until `condition` holds; a generous limit, so that it only says "never". */
export async function eventually(what: string, condition: () => boolean, limit = 15_000): Promise<void> {
  for (const end = performance.now() + limit; performance.now() < end; ) {
    if (condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`never: ${what}`);
}

/** What is left of a command's stderr when Dawn has told, past us, about the limits of a software adapter. */
export function withoutDawn(stderr: string): string {
  return stderr.replace(/^Warning: max\w+ artificially reduced .*\n/gm, '');
}

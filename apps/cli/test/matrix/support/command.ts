import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

export const CLI = fileURLToPath(new URL('../../../dist/cli.js', import.meta.url));
/** ms. Only says that it hangs: a busy machine may take long. */
export const LIMIT = 240_000;

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly late: boolean;
}

export interface Running {
  readonly ended: Promise<Ended>;
  /** The first group of a match in what it says on stderr; undefined if it ends without one. */
  says(pattern: RegExp): Promise<string | undefined>;
  end(): void;
}

/** Runs the real command to its end. */
export async function runCommand(args: readonly string[]): Promise<Ended> {
  return startCommand(args).ended;
}

/** Starts the real command, which does not outlive this process. @param args Node's: the program and its arguments. */
export function startCommand(args: readonly string[]): Running {
  // A group of its own: what it has started ends with it.
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  const out = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const)
    child[name].setEncoding('utf8').on('data', (text: string) => {
      out[name] += text;
    });
  let late = false;
  let isOver = false;
  const end = (): void => {
    if (child.pid !== undefined && !isOver) process.kill(-child.pid, 'SIGKILL');
  };
  const timer = setTimeout(() => {
    late = true;
    end();
  }, LIMIT);
  process.once('exit', end);
  const ended = once(child, 'close').then(([code]): Ended => {
    isOver = true;
    clearTimeout(timer);
    process.off('exit', end);
    return { code: typeof code === 'number' ? code : null, ...out, late };
  });
  const says = async (pattern: RegExp): Promise<string | undefined> => {
    while (!isOver && !pattern.test(out.stderr)) await Promise.race([once(child.stderr, 'data'), ended]);
    return pattern.exec(out.stderr)?.[1];
  };
  return { ended, says, end };
}

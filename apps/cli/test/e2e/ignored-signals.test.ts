import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, symlinkSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { childrenOf, eventually, isConnected } from '../helpers/cli.js';
import { tempDirectory } from '../helpers/temp.js';

const COMMAND = fileURLToPath(new URL('../../bin/multifd', import.meta.url));
/** A guest that takes some seconds, so that a signal meets it on its way. */
const MIGRATE = ['migrate', 'demo:32M,zero=0', '--max-bandwidth', '8M', '--json'];

/** Runs a line of sh with the command in "$@". Node's own folder comes first among the programs, as npm has it. */
function sh(line: string, command = COMMAND, args: readonly string[] = MIGRATE) {
  const env = { ...process.env, PATH: `${dirname(process.execPath)}:${process.env.PATH ?? ''}` };
  const child = spawn('sh', ['-c', line, 'sh', command, ...args], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const ended = new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout, stderr }));
  });
  onTestFinished(() => killAll(child, 'SIGKILL'));
  return { child, ended };
}

/** To the whole process group, as a terminal does. */
function killAll({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(-pid, signal);
  } catch {
    // It is over.
  }
}

/** Both processes are up, and so what they do with signals is settled: the destination has its connections. */
async function migrating(pid: number | undefined): Promise<void> {
  await eventually('the destination', () => childrenOf(pid).some(isConnected), 60_000);
}

describe.runIf(process.platform === 'linux')('signals that were inherited as ignored', () => {
  it.each([
    { how: 'trap', line: `trap '' HUP INT TERM; exec "$@"`, signals: ['SIGHUP', 'SIGINT', 'SIGTERM'] },
    { how: 'nohup', line: 'exec nohup "$@"', signals: ['SIGHUP'] },
  ] as const)('$how: stay ignored, here and in the loopback destination', async ({ line, signals }) => {
    const { child, ended } = sh(line);
    await migrating(child.pid);
    for (const signal of signals) killAll(child, signal);
    const { code, stdout, stderr } = await ended;
    expect(code, stderr).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ status: 'completed' });
  });

  it('cmd & in a script: SIGINT, as Ctrl-C sends it, does not reach it', async () => {
    const { child, ended } = sh(`trap : INT; "$@" & wait $! || wait $!; echo "ended $?" >&2`);
    let pid: number | undefined;
    await eventually('the command', () => {
      [pid] = childrenOf(child.pid);
      return pid !== undefined;
    });
    await migrating(pid);
    killAll(child, 'SIGINT');
    const { stdout, stderr } = await ended;
    expect(stderr).toContain('ended 0');
    expect(JSON.parse(stdout)).toMatchObject({ status: 'completed' });
  });

  it.each(['SIGHUP', 'SIGINT', 'SIGTERM'] as const)(
    'without them %s interrupts, by nohup alone all but SIGHUP',
    async (signal) => {
      const { child, ended } = sh(signal === 'SIGHUP' ? 'exec "$@"' : 'exec nohup "$@"');
      await migrating(child.pid);
      child.kill(signal);
      const { code, stdout } = await ended;
      expect(code).toBe(130);
      expect(JSON.parse(stdout)).toMatchObject({ status: 'cancelled', 'guest-at': 'source' });
    },
  );
});

describe('the command as it is installed', () => {
  it.each(['absolute', 'relative'])('a link to a link to it, %s', async (kind) => {
    const folder = tempDirectory();
    const programs = join(folder, 'with blanks', 'bin');
    mkdirSync(programs, { recursive: true });
    const [first, second] = [join(folder, 'first'), join(programs, 'multifd')];
    symlinkSync(kind === 'absolute' ? COMMAND : relative(folder, COMMAND), first);
    symlinkSync(kind === 'absolute' ? first : '../../first', second);
    const { code, stdout } = await sh('exec "$@"', second, ['--version']).ended;
    expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringMatching(/^\S+\n$/) });
    // Found among the programs, and named to sh without a folder.
    expect((await sh('PATH="$1:$PATH"; exec multifd --version', programs, []).ended).code).toBe(0);
    expect((await sh('cd "$1" && exec sh multifd --version', programs, []).ended).code).toBe(0);
  });

  it('among programs whose folder is itself a link', async () => {
    const folder = tempDirectory();
    const tools = join(folder, 'opt', 'tools');
    mkdirSync(join(tools, 'bin'), { recursive: true });
    symlinkSync(dirname(dirname(COMMAND)), join(tools, 'lib'));
    symlinkSync('../lib/bin/multifd', join(tools, 'bin', 'multifd'));
    const linked = join(folder, 'bin');
    symlinkSync(join(tools, 'bin'), linked);
    const { code, stderr } = await sh('exec "$@"', join(linked, 'multifd'), ['--version']).ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });
});

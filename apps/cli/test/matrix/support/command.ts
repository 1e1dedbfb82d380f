import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { argumentsOf, type Combination } from './features.js';

const CLI = fileURLToPath(new URL('../../../dist/cli.js', import.meta.url));
const WITHOUT = fileURLToPath(new URL('./without-userfaultfd.mjs', import.meta.url));
/** ms. Only says that it hangs: a busy machine may take long. */
const LIMIT = 240_000;

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly late: boolean;
}

/** The program and its arguments: what a combination is run by. */
function programOf(combination: Combination): string[] {
  const command = [CLI, ...argumentsOf(combination)];
  return combination.userfaultfd === 'forbidden' ? [WITHOUT, ...command] : command;
}

/** As one types it at the root of the repository. */
export function commandLine(combination: Combination): string {
  const [first = '', ...rest] = argumentsOf(combination);
  const command = ['apps/cli/dist/cli.js', first, ...rest];
  const whole =
    combination.userfaultfd === 'forbidden'
      ? ['apps/cli/test/matrix/support/without-userfaultfd.mjs', ...command]
      : command;
  return `npx -y pnpm@12 exec node ${whole.join(' ')}`;
}

/** Runs the real command, source, destination and guest, to its end. */
export async function runCommand(args: readonly string[]): Promise<Ended> {
  // A group of its own: what it has started ends with it.
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  let late = false;
  const end = (): void => {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  };
  const timer = setTimeout(() => {
    late = true;
    end();
  }, LIMIT);
  process.once('exit', end);
  try {
    const [stdout, stderr, [code]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, 'close'),
    ]);
    return { code: typeof code === 'number' ? code : null, stdout, stderr, late };
  } finally {
    clearTimeout(timer);
    process.off('exit', end);
  }
}

/** What went wrong with it, one line; undefined if it completed and every byte was compared and is the same. */
export async function migrates(combination: Combination): Promise<string | undefined> {
  const ended = await runCommand(programOf(combination));
  if (ended.late) return `it did not end in ${LIMIT / 1000} s`;
  const document = documentOf(ended.stdout);
  const said = ended.stderr.trim().replaceAll('\n', ' / ');
  if (document === undefined) return `exit code ${ended.code} without a JSON document: ${said}`;
  const { status, verified, guest } = document;
  if (ended.code !== 0 || status !== 'completed' || verified !== true) {
    return `exit code ${ended.code}, status ${String(status)}, verified ${String(verified)}: ${said}`;
  }
  return trackerFault(combination, guest);
}

/** A guest has to be watched by what was asked for, or the combination was not the one that was meant. */
function trackerFault(
  { tracker, dirty, backing, userfaultfd }: Combination,
  guest: unknown,
): string | undefined {
  if (dirty === '0') return undefined;
  const used = memberOf(memberOf(guest, 'tracker'), 'name');
  const expected = tracker === 'auto' && backing === 'wasm' ? 'marks' : tracker;
  if (expected === 'auto') {
    const forbidden = userfaultfd === 'forbidden' && used === 'uffd';
    return forbidden ? 'userfaultfd was used although it is forbidden' : undefined;
  }
  return used === expected ? undefined : `its tracker was ${String(used)}`;
}

/** What is wrong with a refusal: it must be one clear line, exit code 3, and the document; undefined if it is right. */
export async function isRefusedAs(combination: Combination, reason: RegExp): Promise<string | undefined> {
  const { code, stdout, stderr, late } = await runCommand(programOf(combination));
  const lines = stderr.trim().split('\n');
  const [first = '', hint = 'hint: '] = lines;
  const document = documentOf(stdout);
  const right =
    !late &&
    code === 3 &&
    lines.length <= 2 &&
    first.startsWith('multifd: ') &&
    reason.test(first) &&
    hint.startsWith('hint: ') &&
    document?.status === 'failed';
  return right ? undefined : `not refused as it should be: exit code ${code}: ${lines.join(' / ')}`;
}

function documentOf(stdout: string): Record<string, unknown> | undefined {
  try {
    const document: unknown = JSON.parse(stdout);
    return typeof document === 'object' && document !== null ? { ...document } : undefined;
  } catch {
    return undefined;
  }
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}

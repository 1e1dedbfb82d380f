import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { EXIT } from '../../src/exit-codes.ts';
import { LIMIT, MOST_MEMORY, peakMemory } from './rules.ts';

const CLI = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));
/** ms between two looks at a process's memory: its mark only rises, so that little is missed at the end. */
const LOOK = 20;

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Bytes. */
  readonly peak: number;
  /** Whether stdout has to be a document. */
  readonly json: boolean;
}

export interface Program {
  readonly ended: Promise<Ended>;
  isOver(): boolean;
  /** What stderr says at the first match of `pattern`; undefined if it ends without. */
  says(pattern: RegExp): Promise<string | undefined>;
  interrupt(): void;
}

/** The real command, killed if it takes too long. @param temporary its folder for temporary files. */
export function startProgram(args: readonly string[], temporary: string): Program {
  const env = { ...process.env, TMPDIR: temporary };
  const child = spawn(process.execPath, [CLI, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const { pid = 0 } = child;
  const out = { stdout: '', stderr: '' };
  let peak = 0;
  let over = false;
  const looking = setInterval(() => {
    peak = Math.max(peak, peakMemory(pid));
  }, LOOK);
  const late = setTimeout(() => child.kill('SIGKILL'), LIMIT);
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out.stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    out.stderr += text;
  });
  const ended = once(child, 'close').then((): Ended => {
    over = true;
    clearInterval(looking);
    clearTimeout(late);
    return { code: child.exitCode, signal: child.signalCode, ...out, peak, json: args.includes('--json') };
  });
  return {
    ended,
    isOver: () => over,
    async says(pattern) {
      while (!over) {
        const found = pattern.exec(out.stderr);
        if (found !== null) return found[1];
        await Promise.race([once(child.stderr, 'data'), ended]);
      }
      return pattern.exec(out.stderr)?.[1];
    },
    interrupt: () => child.kill('SIGINT'),
  };
}

/** What no hostile bytes may bring the command to. @param lines most lines of stderr, if that is known. */
export function faultsOf({ code, signal, stdout, stderr, peak, json }: Ended, lines?: number): string[] {
  const faults: string[] = [];
  const said = stderr.slice(0, 1500);
  if (signal !== null || code === null) faults.push(`ended by ${String(signal)}: ${said}`);
  else if (!Object.values(EXIT).some((each) => each === code)) faults.push(`exit code ${code}: ${said}`);
  if (/mistake of ours|^ {4}at /m.test(stderr)) faults.push(`a stack: ${said}`);
  for (const text of json ? [stderr] : [stderr, stdout]) {
    const steering = /[^\P{Cc}\n]|[\p{Zl}\p{Zp}\u202a-\u202e]/u.exec(text);
    if (steering !== null)
      faults.push(`steers the terminal: ${JSON.stringify(text.slice(steering.index, 100))}`);
  }
  if (code !== 0 && !/^multifd: ./m.test(stderr))
    faults.push(`exit code ${String(code)} and no word: ${said}`);
  if (lines !== undefined && stderr.split('\n').length > lines + 1)
    faults.push(`more than ${lines} lines: ${said}`);
  if (json && statusOf(stdout) === undefined) faults.push(`no JSON document: ${stdout.slice(0, 300)}`);
  if (peak > MOST_MEMORY) faults.push(`${Math.round(peak / 2 ** 20)} MiB of memory`);
  return faults;
}

function statusOf(stdout: string): unknown {
  try {
    const document: unknown = JSON.parse(stdout);
    return typeof document === 'object' && document !== null ? Reflect.get(document, 'status') : undefined;
  } catch {
    return undefined;
  }
}

import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { MultifdError } from '@multifd/core';
import { isRecord } from '../guards.js';
import { CLI_ENTRY } from '../threads.js';

type JsonDocument = Readonly<Record<string, unknown>>;

/** A `multifd` that was started as a process of its own. */
export interface Started {
  readonly child: ChildProcess;
  /** Where it listens. Rejected if it ends before it does. */
  readonly listening: Promise<string>;
  /** Its JSON document. Rejected, with what it said on stderr, if it fails. */
  readonly document: Promise<JsonDocument>;
}

/** @param limit ms that it may take. @param signal ends it. */
export function startCommand(args: readonly string[], limit: number, signal: AbortSignal): Started {
  const child = spawn(process.execPath, [fileURLToPath(CLI_ENTRY), ...args], {
    // The channel tells a destination, which would wait for ever, that this process has ended, in whatever way.
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    timeout: limit,
    killSignal: 'SIGKILL',
    signal,
  });
  const listening = Promise.withResolvers<string>();
  listening.promise.catch(() => {});
  let stdout = '';
  let stderr = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
    const [, address] = /listening on (\S+)/.exec(stderr) ?? [];
    if (address !== undefined) listening.resolve(address);
  });
  const document = new Promise<JsonDocument>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, killer) => {
      const document = code === 0 ? parse(stdout) : undefined;
      if (document !== undefined) resolve(document);
      else
        reject(new MultifdError('io', `multifd ${args[0]} ended with ${code ?? killer}${saidLast(stderr)}`));
    });
  });
  document.catch(listening.reject);
  return { child, listening: listening.promise, document };
}

function parse(text: string): JsonDocument | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** The error that it told, without its hint. */
function saidLast(stderr: string): string {
  const lines = stderr
    .split('\n')
    .filter((line) => line.startsWith('multifd: ') && !line.includes('listening on'));
  const last = lines.at(-1);
  return last === undefined ? '' : `: ${last.slice('multifd: '.length)}`;
}

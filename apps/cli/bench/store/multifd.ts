/** The built command, as users start it. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { isRecord } from '../../src/guards.ts';

const CLI = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));

/** A `multifd` that has done its work. */
export interface Ended {
  /** As `performance.now()` has it. */
  readonly at: number;
  /** Most memory that it had, bytes. */
  readonly peakRss: number;
}

export interface Started {
  /** Resolved once it listens. Rejected if it ends before. */
  readonly listening: Promise<void>;
  /** Rejected, with what it said, if it fails. */
  readonly ended: Promise<Ended>;
}

/** @param end of a migration: whose figures its document has. */
export function startMultifd(
  args: readonly string[],
  end: 'source' | 'destination',
  signal: AbortSignal,
): Started {
  const child = spawn(process.execPath, [CLI, ...args, '--json'], {
    stdio: ['ignore', 'pipe', 'pipe'],
    signal,
    killSignal: 'SIGKILL',
  });
  const listening = Promise.withResolvers<void>();
  listening.promise.catch(() => {});
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
    if (stderr.includes('listening on ')) listening.resolve();
  });
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, killer) => {
      const at = performance.now();
      const peakRss = code === 0 ? peakOf(stdout, end) : undefined;
      if (peakRss !== undefined) resolve({ at, peakRss });
      else reject(new Error(`multifd ${args.join(' ')} ended with ${code ?? killer}: ${stderr.trim()}`));
    });
  });
  ended.catch(listening.reject);
  return { listening: listening.promise, ended };
}

/** Of the document of `migrate` or `receive`; undefined: it is none. */
export function peakOf(document: string, end: 'source' | 'destination'): number | undefined {
  try {
    const value: unknown = JSON.parse(document);
    const peaks = isRecord(value) ? value['peak-rss'] : undefined;
    const peak = isRecord(peaks) ? peaks[end] : undefined;
    return typeof peak === 'number' ? peak : undefined;
  } catch {
    return undefined;
  }
}

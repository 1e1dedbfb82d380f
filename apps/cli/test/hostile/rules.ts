import { readdirSync, readFileSync } from 'node:fs';
import { MultifdError } from '@multifd/core';

/** Bytes of memory that a process may take, at most, whatever comes: Node, its threads, and what one stream may hold. */
export const MOST_MEMORY = 1024 * 2 ** 20;
/** ms in which anything has to end, on a busy machine. */
export const LIMIT = 60_000;

/** What is wrong with how the engine refused; undefined if it is as it should be. */
export function faultOf(error: unknown): string | undefined {
  if (!MultifdError.is(error)) {
    return `not an error of ours: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
  }
  const { code, message, hint = '' } = error;
  if (code === 'internal') return `internal: ${error.stack ?? message}`;
  const lines = [message, hint].filter((line) => /[\p{Cc}\u2028\u2029\u202a-\u202e]/u.test(line));
  if (lines.length > 0) return `more than a line: ${JSON.stringify(lines)}`;
  if (message.length < 8 || message.length > 4000)
    return `a message of ${message.length} characters: ${message.slice(0, 200)}`;
  return /\bat \S+:\d+:\d+/.test(message) ? `a stack: ${message}` : undefined;
}

/** Most bytes of memory that a process has had at a time (VmHWM); 0 if it is gone. */
export function peakMemory(pid: number | 'self'): number {
  try {
    const [, kib = '0'] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return Number(kib) * 1024;
  } catch {
    return 0;
  }
}

/** What is in a folder that ought to be empty. */
export function leftIn(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true }).map(String);
}

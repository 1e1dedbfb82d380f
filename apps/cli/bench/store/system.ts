/** What a benchmark asks of Linux: memory that is there, a page cache that is empty, and what was used. */
import { execFile } from 'node:child_process';
import { lstatSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { TICK } from '../../src/bench/process-usage.ts';

const run = promisify(execFile);
const WARM = fileURLToPath(new URL('../../dist/processes/warm.js', import.meta.url));

/** Touches and frees as much memory: a hypervisor takes back what has been free for some seconds (`src/bench/warm.ts`). */
export async function warm(bytes: number, signal: AbortSignal): Promise<void> {
  await run(process.execPath, [WARM, `${bytes}`], { signal });
}

/** Makes one file durable. */
export async function syncFile(path: string): Promise<void> {
  const file = await open(path, 'r+');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Takes the files of a folder out of the page cache, and no others. What is not yet on the disk stays there: each contender makes its own durable. */
export async function dropFromCache(folder: string, signal: AbortSignal): Promise<void> {
  const drop = ['dd', 'if={}', 'iflag=nocache', 'count=0', 'status=none'];
  await run('find', [folder, '-type', 'f', '-exec', ...drop, ';'], { signal });
}

/** Bytes of disk that a folder's files take. */
export function onDisk(folder: string): number {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return names.reduce((sum, name) => {
    const stat = lstatSync(join(folder, name));
    return sum + (stat.isFile() ? stat.blocks * 512 : 0);
  }, 0);
}

/** ms of CPU of all processes that this one has started and that have ended, from their start on. */
export function cpuOfEnded(): number {
  const text = readFileSync('/proc/self/stat', 'latin1');
  const columns = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return (Number(columns[13]) + Number(columns[14])) * TICK;
}

/** From here on the peak of a process's memory is counted anew. */
export function forgetPeak(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, '5');
}

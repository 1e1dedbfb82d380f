import { lstatSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/** `mt-PID-STARTTIME`: a process id alone may be another process's by now. */
const NAME = /^mt-(\d+)-(\d+)$/;

/** Makes the folder of this process's run. @returns its path. */
export function makeRunFolder(parent: string): string {
  const path = join(parent, `mt-${process.pid}-${startTime(process.pid) ?? 0}`);
  mkdirSync(path, { recursive: true, mode: 0o700 });
  return path;
}

export function removeRunFolder(path: string): void {
  // A process that is just ending may still write to it.
  rmSync(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
}

/** Removes the folders of runs whose process is gone. Those of other users, and what is no folder, are left alone. */
export function sweepRunFolders(parent: string): void {
  for (const name of readdirSync(parent)) {
    const [, pid, start] = NAME.exec(name) ?? [];
    if (pid === undefined || start === undefined || isRunning(Number(pid), start)) continue;
    const path = join(parent, name);
    const stats = lstatSync(path, { throwIfNoEntry: false });
    if (stats?.isDirectory() && stats.uid === process.getuid?.()) removeRunFolder(path);
  }
}

function isRunning(pid: number, start: string): boolean {
  const now = startTime(pid);
  if (now !== undefined) return now === start;
  // Without /proc: somebody of that number runs, and that has to do.
  if (startTime(process.pid) !== undefined) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && Reflect.get(error, 'code') === 'EPERM';
  }
}

/** When a process began, in the kernel's ticks since it booted; undefined if it is gone, or there is no /proc. */
function startTime(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // Behind the name, which may hold anything: fields 3 to 52 of proc(5). The start is field 22.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}

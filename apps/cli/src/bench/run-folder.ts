import { lstatSync, mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { isSystemError } from '../system-error.js';
import { startOf } from './process-usage.js';

/** `multifd-bench-NAMESPACE-PID-START-RANDOM`: a process is known by its number, in its PID namespace, and when it began. */
const NAME = /^multifd-bench-(\d+)-(\d+)-(\d+)-[A-Za-z0-9]{6}$/;

/** Makes a folder of this process's run. @throws Error of the system. */
export function makeRunFolder(parent: string): string {
  return mkdtempSync(
    join(parent, `multifd-bench-${namespace()}-${process.pid}-${startOf(process.pid) ?? 0}-`),
  );
}

/**
 * Removes the folders of runs that were killed: they hold memory. Those of other users, of other PID namespaces, and of
 * processes that run are left alone. What the system refuses here is no failure: whether there is room decides, later.
 */
export function sweepRunFolders(parent: string): void {
  try {
    for (const name of readdirSync(parent)) {
      const [, where, pid, start] = NAME.exec(name) ?? [];
      if (where !== namespace() || start === startOf(Number(pid))) continue;
      const path = join(parent, name);
      const stats = lstatSync(path, { throwIfNoEntry: false });
      if (stats?.isDirectory() && stats.uid === process.getuid?.()) {
        rmSync(path, { recursive: true, force: true });
      }
    }
  } catch (cause) {
    // Not a folder, say: whoever makes one here is told.
    if (!isSystemError(cause)) throw cause;
  }
}

/** Number of this process's PID namespace. */
function namespace(): string | undefined {
  return /\d+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0];
}

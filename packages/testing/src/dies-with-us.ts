import { existsSync } from 'node:fs';

/** Of util-linux: becomes a program that is killed when the thread that has started it ends. */
const SETPRIV = '/usr/bin/setpriv';
const IS_HERE = existsSync(SETPRIV);

/**
 * The command line with which `file` does not outlive this process: a run of tests that is killed ends nothing that it has
 * started, and a QEMU or a destination waits forever. Where setpriv is not, it is the given one.
 */
export function diesWithUs(file: string, args: readonly string[]): readonly [file: string, args: string[]] {
  return IS_HERE ? [SETPRIV, ['--pdeathsig', 'KILL', '--', file, ...args]] : [file, [...args]];
}

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { diesWithUs } from '../src/dies-with-us.ts';

const FIXTURE = fileURLToPath(new URL('./fixtures/starts-another.mjs', import.meta.url));

function readStat(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return '';
  }
}

it.runIf(existsSync('/usr/bin/setpriv'))(
  'what a process that is killed has started ends with it',
  async () => {
    const first = spawn(process.execPath, [FIXTURE], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [said] = await once(first.stdout, 'data');
    const second = Number(String(said));
    expect(process.kill(second, 0)).toBe(true);
    first.kill('SIGKILL');
    await once(first, 'exit');
    const isThere = (): boolean => {
      try {
        return process.kill(second, 0);
      } catch {
        return false;
      }
    };
    // A container's first process may not reap it at once.
    const isGone = (): boolean => !isThere() || /\) Z /.test(readStat(second));
    while (!isGone()) await delay(10);
  },
);

it('keeps the words of a command line apart', () => {
  const [file, args] = diesWithUs('a b', ['-c', '--', 'd e']);
  expect([file, ...args].slice(-4)).toEqual(['a b', '-c', '--', 'd e']);
});

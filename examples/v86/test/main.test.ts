import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url));
/** A folder that `fetch-linux.sh` has filled. */
const LINUX = process.env.MULTIFD_V86_LINUX;

function run(...args: string[]): string {
  // Booting Linux takes 40 s of CPU time.
  const options = { encoding: 'utf8' as const, timeout: 600_000 };
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], options);
  assert.equal(status, 0, stdout + stderr);
  return stdout;
}

test('a guest moves while it runs, and goes on in the other process with its memory as it must be', () => {
  const said = run();
  assert.match(said, /A {2}the machine has left: \d+ rounds/);
  assert.match(said, /B {2}memory is right/);
  assert.match(said, /has moved and goes on/);
});

test('a Linux moves while it runs, and its program counts on without a gap', {
  skip: LINUX === undefined ? 'MULTIFD_V86_LINUX names no folder that fetch-linux.sh has filled' : false,
}, () => {
  assert.match(run(LINUX ?? ''), /has moved and goes on/);
});

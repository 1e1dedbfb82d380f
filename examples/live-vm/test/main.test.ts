import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

test('a machine moves twice, after a cancellation and a failure, with every page as its program left it', () => {
  const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));
  const { status, stdout, stderr } = spawnSync(process.execPath, [main], {
    encoding: 'utf8',
    timeout: 120_000,
  });
  assert.equal(status, 0, stdout + stderr);
  assert.match(stdout, /A {2}not migrated: .*cancelled.*at its source/);
  assert.match(stdout, /A {2}attempt 1 failed/);
  assert.match(stdout, /B {2}memory is right/);
  assert.match(stdout, /C {2}memory is right/);
  assert.match(stdout, /moved twice/);
});

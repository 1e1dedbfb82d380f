import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { built } from './support/addon.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const hasCargo = spawnSync('cargo', ['--version']).status === 0;

/** The tests of the crate, its fuzz included: `MULTIFD_FUZZ_SECONDS`, `MULTIFD_SEED`. */
test.skipIf(!built || !hasCargo)('the crate passes its own tests', { timeout: 1_800_000 }, () => {
  const args = ['test', '--locked', '--quiet', '-p', 'multifd-host', '--', '--nocapture'];
  const { status, stdout, stderr } = spawnSync('cargo', args, { cwd: root, encoding: 'utf8' });
  expect(status, `${stdout}\n${stderr}`).toBe(0);
  expect(stdout).toMatch(/seed \d+[\s\S]*rounds/);
});

/**
 * The matrix of features, in its long form: `pnpm matrix [--minutes N] [--seed N] [--result FILE]`. Without `--minutes` it
 * is the form that continuous integration runs.
 */
import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';

const text = { type: 'string' };
const { values } = parseArgs({ options: { minutes: text, seed: text, result: text } });
const given = (name, value) => (value === undefined ? {} : { [name]: value });
const { status } = spawnSync('npx', ['vitest', 'run', '--config', 'vitest.matrix.config.ts'], {
  cwd: new URL('..', import.meta.url),
  stdio: 'inherit',
  env: {
    ...process.env,
    ...given('MULTIFD_MATRIX_MINUTES', values.minutes),
    ...given('MULTIFD_SEED', values.seed),
    ...given('MULTIFD_MATRIX_RESULT', values.result && resolve(values.result)),
  },
});
process.exitCode = status ?? 1;

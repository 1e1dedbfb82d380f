/** Somebody with one Node, and plain npm. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, realpathSync } from 'node:fs';
import { delimiter, dirname } from 'node:path';

/** ms that one command may take. Only says that it hangs: with machine code to build and a busy machine, minutes. */
const PATIENCE = 900_000;

/**
 * Whose `node` is this one, also for `#!` lines and for npm. Scripts of packages are off: nothing of ours needs one.
 *
 * @returns `run` starts a program, `npm` npm, `shell` lines of bash, of which each must end with 0. All return stdout.
 */
export function person(node, folder, env) {
  mkdirSync(folder, { recursive: true });
  const npmCli = realpathSync(execFileSync('which', ['npm'], { encoding: 'utf8' }).trim());
  const theirs = {
    ...env,
    PATH: `${dirname(node)}${delimiter}${env.PATH}`,
    npm_config_audit: 'false',
    npm_config_fund: 'false',
    npm_config_ignore_scripts: 'true',
    npm_config_loglevel: 'error',
  };
  const run = (cwd, file, ...args) => {
    try {
      return execFileSync(file, args, {
        cwd,
        env: theirs,
        encoding: 'utf8',
        timeout: PATIENCE,
        stdio: ['ignore', 'pipe', 'inherit'],
        maxBuffer: 1 << 26,
      });
    } catch (error) {
      // What a test runner says of its failures is on stdout.
      if (error.stdout) process.stderr.write(error.stdout);
      throw error;
    }
  };
  const npm = (cwd, ...args) => run(cwd, node, npmCli, ...args);
  const shell = (cwd, lines) => run(cwd, 'bash', '-euo', 'pipefail', '-c', lines);
  return { run, npm, shell, version: `Node ${run(folder, node, '--version').trim().slice(1)}` };
}

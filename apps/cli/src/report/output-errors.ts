import { EXIT, type ExitCode } from '../exit-codes.js';

/**
 * What the command says may have nowhere to go: a reader that has seen enough (`| head -1`), a terminal that is gone, a
 * full disk. No guest may depend on it, so such an error ends nothing. A result that is lost is told on stderr, once.
 * @param resultIsAll the command does nothing but print (`inspect`, `accel`): then it has failed.
 */
export function outliveOutputErrors(resultIsAll: boolean): void {
  let isTold = false;
  process.stderr.on('error', () => {});
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE' || isTold) return;
    isTold = true;
    process.stderr.write(`multifd: the result could not be written: ${error.message}\n`);
    if (resultIsAll) process.exitCode = lost(process.exitCode);
  });
}

function lost(code: typeof process.exitCode): ExitCode | typeof process.exitCode {
  return code === undefined || code === EXIT.done ? EXIT.failed : code;
}

/** The built command, run as a process of its own. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const CLI = fileURLToPath(new URL('../dist/cli.js', import.meta.url));
/** ms that one run may take. */
const PATIENCE = 180_000;

/** @returns the process, and promises: of where it listens, and of its JSON document. */
export function command(args) {
  const child = spawn(process.execPath, [CLI, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: PATIENCE,
  });
  const listening = Promise.withResolvers();
  listening.promise.catch(() => {});
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr += text;
    const [, address] = /listening on (\S+)/.exec(stderr) ?? [];
    if (address !== undefined) listening.resolve(address);
  });
  const document = new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      const error = new Error(`multifd ${args.join(' ')} ended with ${code}\n${stderr}`);
      listening.reject(error);
      if (code === 0) resolve(JSON.parse(stdout));
      else reject(error);
    });
  });
  document.catch(() => {});
  return { child, listening: listening.promise, document };
}

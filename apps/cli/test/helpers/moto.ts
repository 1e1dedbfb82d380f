import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { diesWithUs } from '@multifd/testing/dies-with-us';
import { onTestFinished } from 'vitest';

/** Where `.ci/install-moto` puts it. */
const PLACE = process.env.MULTIFD_MOTO_DIR ?? '/opt/multifd-moto';
/** `.ci/run` has it, and must not skip what needs it. */
const required = process.env.MULTIFD_REQUIRE_MOTO === '1';

/** moto's server; undefined if there is none here. */
const program = [`${PLACE}/bin/moto_server`, 'moto_server'].find(
  (each) => spawnSync(each, ['--help'], { stdio: 'ignore' }).status === 0,
);

export const hasMoto = required || program !== undefined;
/** For the name of a test. */
export const withoutMoto = hasMoto ? '' : ': skipped, there is no moto here (.ci/install-moto)';

/** Starts it, with an empty bucket `guests`; it does not outlive the test. @returns the environment of commands that use it. */
export async function startMoto(): Promise<Record<string, string>> {
  if (program === undefined) throw new Error(`no moto_server in ${PLACE}: bash .ci/install-moto`);
  const child = spawn(...diesWithUs(program, ['-H', '127.0.0.1', '-p', '0']), {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const endpoint = (): string | undefined => /Running on (http:\/\/\S+)/.exec(said)?.[1];
  while (endpoint() === undefined) {
    if (child.exitCode !== null) throw new Error(`moto_server has ended: ${said}`);
    await Promise.race([once(child.stderr, 'data'), once(child, 'exit')]);
  }
  const url = endpoint() ?? '';
  const made = await fetch(`${url}/guests`, { method: 'PUT' });
  if (!made.ok) throw new Error(`moto makes no bucket: ${made.status}`);
  return {
    AWS_ENDPOINT_URL: url,
    AWS_ACCESS_KEY_ID: 'key',
    AWS_SECRET_ACCESS_KEY: 'secret',
    AWS_REGION: 'us-east-1',
  };
}

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';

const CLI = new URL('../../dist/cli.js', import.meta.url).pathname;

/** Runs the command with stdout or stderr on a device that is always full. */
async function runOnFull(full: 'stdout' | 'stderr', ...args: string[]) {
  const fd = openSync('/dev/full', 'w');
  const child = spawn(process.execPath, [CLI, ...args], {
    stdio: ['ignore', full === 'stdout' ? fd : 'pipe', full === 'stderr' ? fd : 'pipe'],
  });
  closeSync(fd);
  const said = Promise.all(
    [child.stdout, child.stderr].map((stream) => (stream === null ? '' : text(stream))),
  );
  const [code]: unknown[] = await once(child, 'exit');
  const [stdout = '', stderr = ''] = await said;
  return { code, stdout, stderr };
}

describe.runIf(process.platform === 'linux')('what is said has nowhere to go', () => {
  it('a completed migration is one, and the lost result is told', async () => {
    const { code, stderr } = await runOnFull('stdout', 'migrate', 'demo:16M', '--json');
    expect(stderr).toMatch(/^multifd: the result could not be written: .*ENOSPC.*\n$/);
    expect(code).toBe(0);
  });

  it('notes that are lost end nothing: the document is there', async () => {
    const { code, stdout } = await runOnFull(
      'stderr',
      'migrate',
      'raw:no-such-file',
      'tcp:127.0.0.1:1',
      '--json',
    );
    expect(JSON.parse(stdout)).toMatchObject({ status: 'failed' });
    expect(code).toBe(2);
    const good = await runOnFull('stderr', 'migrate', 'demo:16M', '--json');
    expect(JSON.parse(good.stdout)).toMatchObject({ status: 'completed', verified: true });
    expect(good.code).toBe(0);
  });

  it('a command that does nothing but print has failed', async () => {
    const { code, stderr } = await runOnFull('stdout', 'accel', 'list');
    expect(stderr).toMatch(/could not be written/);
    expect(code).toBe(1);
  });
});

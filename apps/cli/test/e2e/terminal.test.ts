import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { type Running, run, start, startReceive } from '../helpers/cli.js';
import { tempDirectory } from '../helpers/temp.js';

const ON_TERMINAL = fileURLToPath(new URL('../fixtures/on-terminal.py', import.meta.url));
const hasPython = process.platform === 'linux' && spawnSync('python3', ['-c', 'import pty']).status === 0;

/** Takes 2 s at least, so that there is progress to show. */
const SLOW = ['demo:8M,zero=0', '--max-bandwidth', '4M', '--no-verify'];

/** Starts the command on a terminal of its own: what that shows is stdout. */
function onTerminal(args: readonly string[], hold = '', release = ''): Running {
  return start(args, { wrap: ['python3', ON_TERMINAL, hold, release] });
}

describe.runIf(hasPython)('on a terminal', () => {
  it('receive shows how far it is, and the line is gone in the end', async () => {
    const receive = onTerminal(['receive', 'tcp:127.0.0.1:0']);
    const address = await receive.shows(/listening on (tcp:\S+)/);
    const source = await run(['migrate', SLOW[0] ?? '', address, ...SLOW.slice(1)]);
    const { code, stdout } = await receive.ended;
    expect({ source: source.code, receive: code }).toEqual({ source: 0, receive: 0 });
    expect(stdout).toMatch(/received [\d.]+ [KM]iB, [\d.]+ [KM]iB\/s, \d+% zero, \d+% of 8\.\d MiB/);
    expect(stdout.slice(stdout.lastIndexOf('% of 8'))).toContain('\u001B[2K');
  });

  it('relay does too', async () => {
    const receive = await startReceive([]);
    const relay = onTerminal(['relay', 'tcp:127.0.0.1:0', receive.address]);
    const address = await relay.shows(/listening on (tcp:\S+)/);
    const source = await run(['migrate', SLOW[0] ?? '', address, ...SLOW.slice(1)]);
    const { code, stdout } = await relay.ended;
    expect({ source: source.code, relay: code }).toEqual({ source: 0, relay: 0 });
    expect(stdout).toMatch(/relayed [\d.]+ [KM]iB, [\d.]+ [KM]iB\/s, \d+% zero, \d+% of 8\.\d MiB/);
    expect((await receive.ended).code).toBe(0);
  });

  it('that is held (Ctrl-S), no guest waits for it', async () => {
    const release = join(tempDirectory(), 'release');
    const receive = onTerminal(['receive', 'tcp:127.0.0.1:0'], '% of 8', release);
    const address = await receive.shows(/listening on (tcp:\S+)/);
    // It ends while the terminal of its destination still takes nothing.
    const source = await run([
      'migrate',
      SLOW[0] ?? '',
      address,
      ...SLOW.slice(1),
      '--completion-timeout',
      '20000',
    ]);
    expect(source).toMatchObject({ code: 0, stderr: '' });
    writeFileSync(release, '');
    expect((await receive.ended).code).toBe(0);
  });

  it('and elsewhere there is no such line', async () => {
    const receive = await startReceive([]);
    const source = await run(['migrate', SLOW[0] ?? '', receive.address, ...SLOW.slice(1)]);
    expect(source).toMatchObject({ code: 0, stderr: '' });
    expect((await receive.ended).stderr).toMatch(/^multifd: listening on .*\n$/);
  });
});

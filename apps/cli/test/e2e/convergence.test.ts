import { describe, expect, it } from 'vitest';
import { run } from '../helpers/cli.js';

/** Its guest dirties 64 MiB a second, over a line of 16: it never fits into the limit. */
const TOO_FAST = ['demo:32M,zero=0,dirty=64M', '--max-bandwidth', '16M', '--downtime-limit', '50'];

describe('a guest that dirties memory faster than it moves', () => {
  it('--max-rounds ends it: the guest runs on here, and the words say what would help', async () => {
    const { code, stdout, stderr } = await run(['migrate', ...TOO_FAST, '--max-rounds', '2', '--json']);
    expect(code).toBe(1);
    const { status, guest, 'error-desc': error, hint, 'guest-at': at } = JSON.parse(stdout);
    expect({ status, at, state: guest.state }).toEqual({ status: 'failed', at: 'source', state: 'runs' });
    expect(error).toMatch(/not converged within 2 rounds: the guest dirties .*MiB\/s, .*MiB\/s move/);
    expect(hint).toMatch(/--max-bandwidth.*--channels.*--auto-converge.*--downtime-limit.*--limit-action/);
    expect(stderr).toContain('as fast as it moves');
  });

  it('--timeout does so in the middle of a round', async () => {
    const { code, stderr } = await run(['migrate', ...TOO_FAST, '--timeout', '800']);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^multifd: the migration has not converged within 800 ms/m);
  });

  it('--limit-action suspend stops the guest, and it arrives', async () => {
    const limits = ['--timeout', '800', '--limit-action', 'suspend', '--json'];
    const { code, stdout } = await run(['migrate', ...TOO_FAST, ...limits]);
    expect(code).toBe(0);
    const { verified, downtime, 'downtime-parts': parts } = JSON.parse(stdout);
    expect(verified).toBe(true);
    expect(downtime).toBeGreaterThan(50);
    const sum = parts.stop + parts['last-round'] + parts['device-state'] + parts.commit;
    expect(Math.abs(sum - downtime)).toBeLessThanOrEqual(2);
  });

  it('--auto-converge slows it down until it fits', async () => {
    const slower = ['--auto-converge', '--cpu-throttle-initial', '90', '--cpu-throttle-increment', '9'];
    const guest = ['demo:16M,zero=0,dirty=32M', '--max-bandwidth', '24M', '--downtime-limit', '200'];
    const { code, stdout, stderr } = await run(['migrate', ...guest, ...slower, '--json']);
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: expect.stringMatching(/slowed down: its processors stand still for 90% of the time/),
    });
    const document = JSON.parse(stdout);
    expect(document.verified).toBe(true);
    expect(document['cpu-throttle-percentage']).toBeGreaterThanOrEqual(90);
  });

  it.each([
    [['--max-rounds', 'x'], '--max-rounds'],
    [['--limit-action', 'pause'], '--limit-action'],
    [['--cpu-throttle-initial', '100'], '--cpu-throttle-initial'],
    [['--cpu-throttle-initial', '50', '--max-cpu-throttle', '40'], '--max-cpu-throttle'],
  ])('%j is refused by name', async (args, name) => {
    const { code, stderr } = await run(['migrate', 'demo:16M', ...args]);
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining(name) });
  });
});

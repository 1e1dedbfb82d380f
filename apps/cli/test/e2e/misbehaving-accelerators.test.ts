import { describe, expect, it } from 'vitest';
import { run, start } from '../helpers/cli.js';
import { type Mischief, writeMischief } from '../helpers/modules.js';

/** Bodies of `detect(batch, isZero)`. What the error must say. */
const MISBEHAVING = {
  throws: {
    detect: "throw new Error('the device burned down');",
    says: /mischief failed: the device burned down/,
  },
  rejects: {
    detect: "return Promise.reject(new Error('no more power'));",
    says: /mischief failed: no more power/,
  },
  'rejects later': {
    detect: "right(); if (++calls > 3) return Promise.reject(new Error('lost midway'));",
    says: /mischief failed: lost midway/,
  },
  'never answers': { detect: 'return new Promise(() => {});', says: /mischief gave no answer within/ },
  'never returns': { detect: 'for (;;);', says: /mischief gave no answer within/ },
  'leaves pages out': { detect: 'right(); isZero[0] = 0xff;', says: /mischief left a page unanswered/ },
  'answers 7': { detect: 'right(); isZero[0] = 7;', says: /mischief answered 7/ },
  'dies with its thread': { detect: 'process.exit(9);', says: /mischief took its thread down: channel \d/ },
} as const;

describe('an accelerator that misbehaves ends the run by name, and the guest runs on', () => {
  for (const [how, { detect, says }] of Object.entries(MISBEHAVING)) {
    it(how, async () => {
      const cwd = writeMischief({ detect });
      const source = ['migrate', 'demo:64M,dirty=1M', '--accel', './mischief.mjs', '--stall-timeout', '1000'];
      const { code, stdout, stderr } = await start([...source, '--json'], { cwd }).ended;
      expect(code).toBe(1);
      expect(stderr).toMatch(says);
      expect(stderr).not.toContain('please report');
      if (/a page/.test(stderr)) expect(stderr).toContain('hint: test it with @multifd/conformance');
      expect(JSON.parse(stdout)).toMatchObject({ status: 'failed', guest: { state: 'runs' } });
    });
  }
});

describe("somebody's module", () => {
  const migrate = ['migrate', 'demo:16M', '--accel', './mischief.mjs', '--json'];

  it('whose probe says nothing is refused by name, with exit code 3', async () => {
    const cwd = writeMischief({ probe: 'undefined' });
    const { code, stderr } = await run(['migrate', 'demo:4M', '--accel', './mischief.mjs', '--json'], {
      cwd,
    });
    expect(code).toBe(3);
    expect(stderr).toMatch(/^multifd: accelerator mischief cannot run here: its probe/);
  });

  it('that ends the process where it is imported is no success', async () => {
    const { code, stdout, stderr } = await run(migrate, {
      cwd: writeMischief({ first: 'process.exit(0);' }),
    });
    expect(code).toBe(3);
    expect(stderr).toMatch(/mischief.mjs, .*: it ended its thread with code 0/);
    expect(JSON.parse(stdout)).toMatchObject({ 'error-class': 'accelerator-unavailable' });
  });

  it('that prints and leaves a timer behind: the document is whole, and the command ends', async () => {
    const first = "console.log('at import'); setInterval(() => {}, 1000);";
    const cwd = writeMischief({ first, detect: "console.log('at work'); right();" });
    const { code, stdout, stderr } = await run(migrate, { cwd });
    expect({ code, answer: JSON.parse(stdout) }).toMatchObject({ code: 0, answer: { verified: true } });
    expect(stderr).toMatch(/at import.*at work/s);
  });

  it('of a name of ours is listed as theirs', async () => {
    const cwd = writeMischief({ name: 'js' });
    const args = ['accel', 'list', '--accel', './mischief.mjs', '--json'];
    const { code, stdout } = await run(args, { cwd });
    const { auto, accelerators } = JSON.parse(stdout);
    const called = (what: string) => accelerators.filter(({ name }: { name: string }) => name === what);
    expect(code).toBe(0);
    expect(called('js')).toMatchObject([
      { 'bytes-per-second': expect.any(Number) },
      { available: true, chosen: false, 'bytes-per-second': null },
    ]);
    const chosen = accelerators.filter((each: { chosen: boolean }) => each.chosen);
    expect(chosen).toMatchObject([{ name: auto }]);
  });
});

describe('accel bench ends with the name of an accelerator that misbehaves', () => {
  const bench = ['accel', 'bench', '--samples', '1', '--accel', './mischief.mjs'];

  it.each<[string, Mischief, RegExp]>([
    [
      'throws, and does not close either',
      { detect: "throw new Error('no more power');", close: 'return new Promise(() => {});' },
      /mischief failed: no more power/,
    ],
    ['does nothing, very fast', { detect: '' }, /mischief gave a wrong answer/],
    ['has a name of ours', { name: 'js', detect: '' }, /accelerator js \(\.\/mischief\.mjs\) gave a wrong/],
  ])('one that %s', async (_how, mischief, says) => {
    const { code, stdout, stderr } = await run(bench, { cwd: writeMischief(mischief) });
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(says);
  });

  it('one that cannot run', async () => {
    const probe = "({ ok: false, reason: 'no power', fix: 'buy some' })";
    const { code, stderr } = await run(bench, { cwd: writeMischief({ probe }) });
    expect(code).toBe(3);
    expect(stderr).toMatch(/mischief cannot run here: no power/);
  });

  it('one that never answers does not keep an interrupt waiting', async () => {
    const detect = "console.error('asked'); return new Promise(() => {});";
    const started = start(bench, { cwd: writeMischief({ detect }) });
    await started.says(/asked/);
    started.child.kill('SIGINT');
    expect((await started.ended).code).toBe(130);
  });
});

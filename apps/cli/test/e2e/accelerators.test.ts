import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { knownAccelerators } from '../../src/accelerators/choose.js';
import { run, start, withoutDawn } from '../helpers/cli.js';
import { tempDirectory } from '../helpers/temp.js';

const EXAMPLE = fileURLToPath(new URL('../../../../examples/custom-accelerator', import.meta.url));

const known = await knownAccelerators().list();

describe('each accelerator does the main job, or says why not', () => {
  for (const { reference, probe } of known) {
    const { name } = reference;
    const title = probe.ok ? `${name}: verified` : `${name}: exit code 3, ${probe.reason}`;
    it(title, async () => {
      const { code, stdout, stderr } = await run(['migrate', 'demo:16M', '--accel', name, '--json']);
      const answer = JSON.parse(stdout);
      if (probe.ok) {
        expect({ code, stderr: withoutDawn(stderr) }).toEqual({ code: 0, stderr: '' });
        expect(answer).toMatchObject({ verified: true, accelerator: { name, requested: name, refused: [] } });
        return;
      }
      expect(code).toBe(3);
      expect(stderr).toContain(probe.reason);
      expect(stderr).toContain(probe.fix);
    });
  }

  it('the example, by path', async () => {
    const { code, stdout } = await run(['migrate', 'demo:16M', '--accel', EXAMPLE, '--json']);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ verified: true, accelerator: { name: 'example-offload' } });
  });

  it('the example, by package name', async () => {
    const cwd = tempDirectory();
    mkdirSync(join(cwd, 'node_modules'));
    symlinkSync(EXAMPLE, join(cwd, 'node_modules', 'multifd-custom-accelerator'));
    const name = 'multifd-custom-accelerator';
    const { code, stdout } = await run(['migrate', 'demo:16M', '--accel', name, '--json'], { cwd });
    expect(code).toBe(0);
    const accelerator = { name: 'example-offload', requested: name };
    expect(JSON.parse(stdout)).toMatchObject({ verified: true, accelerator });
  });

  it('MULTIFD_ACCEL decides where --accel does not', async () => {
    const env = { ...process.env, MULTIFD_ACCEL: 'wasm-scalar' };
    const named = async (args: readonly string[]) => {
      const { stdout } = await run(['migrate', 'demo:4M', '--json', ...args], { env });
      return JSON.parse(stdout).accelerator;
    };
    expect(await named([])).toMatchObject({ name: 'wasm-scalar', requested: 'wasm-scalar' });
    expect(await named(['--accel', 'js'])).toMatchObject({ name: 'js', requested: 'js' });
  });

  it('an empty MULTIFD_ACCEL is none, one that is not there is refused', async () => {
    const migrate = (value: string) =>
      run(['migrate', 'demo:4M', '--json'], { env: { ...process.env, MULTIFD_ACCEL: value } });
    expect(JSON.parse((await migrate('')).stdout).accelerator).toMatchObject({ requested: 'auto' });
    const { code, stderr } = await migrate('avx1024');
    expect(code).toBe(3);
    expect(stderr).toContain('no accelerator or module is called "avx1024"');
    expect(stderr).toContain('asked for by MULTIFD_ACCEL in the environment');
  });

  it('a name that was said is not said to come from the environment', async () => {
    const env = { ...process.env, MULTIFD_ACCEL: 'js' };
    const { code, stderr } = await run(['migrate', 'demo:4M', '--accel', 'avx1024'], { env });
    expect(code).toBe(3);
    expect(stderr).not.toContain('MULTIFD_ACCEL');
  });

  it('a module whose probe says nothing is refused by name, with exit code 3', async () => {
    const cwd = writeMischief({ probe: 'undefined' });
    const { code, stderr } = await run(['migrate', 'demo:4M', '--accel', './mischief.mjs', '--json'], {
      cwd,
    });
    expect(code).toBe(3);
    expect(stderr).toMatch(/^multifd: accelerator mischief cannot run here: its probe/);
  });
});

describe('accel', () => {
  it('list shows all of it, and what auto would take', async () => {
    const { code, stdout, stderr } = await run(['accel', 'list', '--json']);
    expect({ code, stderr: withoutDawn(stderr) }).toEqual({ code: 0, stderr: '' });
    const { auto, accelerators } = JSON.parse(stdout);
    expect(accelerators).toHaveLength(known.length);
    expect(accelerators).toContainEqual(
      expect.objectContaining({ name: auto, available: true, automatic: true }),
    );
    expect(accelerators).toContainEqual(
      expect.objectContaining({
        available: false,
        reason: expect.stringMatching(/./),
        fix: expect.stringMatching(/./),
      }),
    );
    const table = await run(['accel', 'list']);
    expect(table.stdout).toMatch(/<- auto/);
  });

  it('bench measures each over six memories, beside plain reading', async () => {
    const { code, stdout } = await run(['accel', 'bench', '--samples', '1', '--json']);
    expect(code).toBe(0);
    const { results } = JSON.parse(stdout);
    expect(results).toHaveLength(6);
    // Software that stands in for a device is measured by name only.
    const able = known
      .filter(({ probe, reference }) => probe.ok && !reference.name.includes(':'))
      .map(({ reference }) => reference.name);
    for (const { accelerators, 'plain-read': read } of results) {
      expect(accelerators.map(({ name }: { name: string }) => name)).toEqual(able);
      expect(read.median).toBeGreaterThan(0);
    }
  });
});

/** A module with two accelerators that are right, and a third that cannot run. */
function writeSeveral(): string {
  const cwd = tempDirectory();
  writeFileSync(
    join(cwd, 'several.mjs'),
    `const zeros = Buffer.alloc(4096);
    const make = (name, probe) => ({
      specVersion: 1, name, capabilities: { pageSize: { min: 4096, max: 4096 }, preferredBatch: 256 },
      probe: () => probe,
      open: () => ({
        detect({ memory, offsets, count }, isZero) {
          for (let i = 0; i < count; i++)
            isZero[i] = Number(zeros.compare(memory, offsets[i], offsets[i] + 4096) === 0);
        },
        close() {},
      }),
      residentRate: () => 5e9,
    });
    const able = { ok: true, detail: 'byte by byte' };
    export const accelerators = [make('one', able), make('two:slow', able),
      make('three', { ok: false, reason: 'no power', fix: 'buy some' })];`,
  );
  return cwd;
}

describe("a third party's second accelerator", () => {
  const migrate = (accel: string, cwd: string) =>
    run(['migrate', 'demo:4M', '--json', '--accel', accel], { cwd });

  it('by path and by package', async () => {
    const cwd = writeSeveral();
    const installed = join(cwd, 'node_modules', 'several');
    mkdirSync(installed, { recursive: true });
    writeFileSync(join(installed, 'package.json'), '{"type":"module","exports":"./several.mjs"}');
    symlinkSync(join(cwd, 'several.mjs'), join(installed, 'several.mjs'));
    for (const [accel, name] of [
      ['./several.mjs', 'one'],
      ['./several.mjs:two:slow', 'two:slow'],
      ['several:one', 'one'],
      [`file://${cwd}/several.mjs:two:slow`, 'two:slow'],
    ] as const) {
      const { code, stdout } = await migrate(accel, cwd);
      expect(code).toBe(0);
      expect(JSON.parse(stdout)).toMatchObject({ verified: true, accelerator: { name, requested: accel } });
    }
  });

  it('that is not there, or cannot run, is refused', async () => {
    const cwd = writeSeveral();
    const none = await migrate('./several.mjs:four', cwd);
    expect(none.code).toBe(3);
    expect(none.stderr).toMatch(
      /no accelerator is called .*several.mjs:four; known here: one, two:slow, three/,
    );
    const unable = await migrate('./several.mjs:three', cwd);
    expect(unable.code).toBe(3);
    expect(unable.stderr).toContain('accelerator three cannot run here: no power');
  });

  it('is listed alone', async () => {
    const cwd = writeSeveral();
    const list = async (accel: string) => {
      const { stdout } = await run(['accel', 'list', '--json', '--accel', accel], { cwd });
      return JSON.parse(stdout)
        .accelerators.slice(known.length)
        .map(({ name }: { name: string }) => name);
    };
    expect(await list('./several.mjs')).toEqual(['one', 'two:slow', 'three']);
    expect(await list('./several.mjs:two:slow')).toEqual(['two:slow']);
    expect(await list('js')).toEqual([]);
  });

  it('is measured in batches of several sizes, with and without transfers, or of one size', async () => {
    const cwd = writeSeveral();
    const bench = (...more: string[]) =>
      run(['accel', 'bench', '--samples', '1', '--json', '--accel', './several.mjs:two:slow', ...more], {
        cwd,
      });
    const all = JSON.parse((await bench()).stdout);
    expect(all).toMatchObject({ accelerator: 'two:slow', 'resident-bytes-per-second': 5e9 });
    expect(all.batches.map(({ pages }: { pages: number }) => pages)).toEqual([64, 256]);
    const one = JSON.parse((await bench('--batch', '16')).stdout);
    expect(one.batches.map(({ pages }: { pages: number }) => pages)).toEqual([16]);
    const much = await bench('--batch', '512');
    expect(much.code).toBe(2);
    expect(much.stderr).toContain('--batch 512: two:slow takes 256 pages at most');
    expect((await run(['accel', 'bench', '--batch', '16'])).stderr).toContain('--batch needs --accel');
  });
});

describe('a module that is not there', () => {
  it('is named with its absolute path, and what is missing', async () => {
    const cwd = writeSeveral();
    mkdirSync(join(cwd, 'empty'));
    for (const [accel, missing, hint] of [
      ['./nope', `no module "./nope": ${cwd}/nope does not exist`, 'hint: name a module by its path'],
      ['./nope:two', `${cwd}/nope does not exist`, 'hint: name a module by its path'],
      ['./several', `${cwd}/several does not exist`, 'hint: did you mean ./several.mjs?'],
      ['./empty', `the directory ${cwd}/empty lacks a package.json and an index.js`, 'hint: name a module'],
      ['@strange/thing', `no package "@strange/thing" is installed for ${cwd}`, 'hint: name a module'],
    ] as const) {
      for (const args of [
        ['migrate', 'demo:4M', '--accel', accel],
        ['accel', 'list', '--accel', accel],
      ]) {
        const { code, stderr } = await run(args, { cwd });
        expect(code).toBe(3);
        expect(withoutDawn(stderr)).toContain(missing);
        expect(stderr).toContain(hint);
      }
    }
    const codec = await run(['migrate', 'demo:4M', '--compression', './nope'], { cwd });
    expect(codec.stderr).toContain(`no module "./nope": ${cwd}/nope does not exist`);
  });
});

interface Mischief {
  readonly name?: string;
  /** The module's first line. */
  readonly first?: string;
  /** What the probe gives. */
  readonly probe?: string;
  /** Bodies of the methods. */
  readonly detect?: string;
  readonly close?: string;
}

/** A module whose one accelerator misbehaves; `right()` in `detect` gives the right answers. */
function writeMischief({
  name = 'mischief',
  first = '',
  probe = "({ ok: true, detail: 'up to no good' })",
  detect = 'right();',
  close = '',
}: Mischief): string {
  const cwd = tempDirectory();
  writeFileSync(
    join(cwd, 'mischief.mjs'),
    `${first}
    let calls = 0;
    const zeros = Buffer.alloc(4096);
    export const accelerators = [{
      specVersion: 1, name: '${name}',
      capabilities: { pageSize: { min: 4096, max: 4096 }, preferredBatch: 64 },
      probe: () => ${probe},
      open: () => ({
        detect({ memory, offsets, count }, isZero) {
          const right = () => { for (let i = 0; i < count; i++)
            isZero[i] = Number(zeros.compare(memory, offsets[i], offsets[i] + 4096) === 0); };
          ${detect}
        },
        close() { ${close} },
      }),
    }];`,
  );
  return cwd;
}

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

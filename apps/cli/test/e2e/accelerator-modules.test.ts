import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { knownAccelerators } from '../../src/accelerators/choose.js';
import { run, withoutDawn } from '../helpers/cli.js';
import { writeSeveral } from '../helpers/modules.js';

const known = await knownAccelerators().list();

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

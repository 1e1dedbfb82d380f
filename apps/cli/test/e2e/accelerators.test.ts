import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { knownAccelerators } from '../../src/accelerators/choose.js';
import { run, withoutDawn } from '../helpers/cli.js';
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

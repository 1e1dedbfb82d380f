import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { built } from './support/addon.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const hasCargo = spawnSync('cargo', ['--version']).status === 0;

// Every fault against a loop over bytes, in Rust. What cannot run on this machine is shown as skipped here too.
describe.skipIf(!built || !hasCargo)('the crate', () => {
  const args = ['test', '--locked', '--quiet', '-p', 'multifd-dsa', '--', '--nocapture'];
  const { status, stdout, stderr } = built && hasCargo ? cargo(args) : { status: 0, stdout: '', stderr: '' };
  const said = /^test header \.\.\. (.*)$/m.exec(stdout)?.[1] ?? 'not there';
  const skipped = new Map([...stdout.matchAll(/SKIPPED (\S+): (.*)$/gm)].map(([, name, why]) => [name, why]));

  test('passes its own tests', () => {
    expect(status, `${stdout}\n${stderr}`).toBe(0);
    expect(stdout).toMatch(/seed \d+/);
  });
  test.skipIf(said.startsWith('ignored'))(`layouts as in linux/idxd.h: ${said}`, () => {
    expect(said).toBe('ok');
  });
  for (const name of ['movdir64b', 'no-enqcmd']) {
    const why = skipped.get(name);
    test.skipIf(why !== undefined)(`${name}${why === undefined ? '' : `: ${why}`}`, () => {
      expect(status).toBe(0);
    });
  }
});

function cargo(args: readonly string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync('cargo', args, { cwd: root, encoding: 'utf8' });
}

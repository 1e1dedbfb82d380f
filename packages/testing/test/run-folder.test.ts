import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeEach, describe, expect, it } from 'vitest';
import { makeRunFolder, sweepRunFolders } from '../src/run-folder.ts';

const FIXTURES = fileURLToPath(new URL('./fixtures/', import.meta.url));
const VITEST = join(dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs');

let parent: string;
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 't-'));
});

/** A run of vitest of its own, whose temporary folder is `parent`. */
function run(hang: boolean) {
  const child = spawn(process.execPath, [VITEST, 'run', '--root', FIXTURES, '--pool', 'forks'], {
    env: { ...process.env, TMPDIR: parent, MULTIFD_TEST_HANG: hang ? '1' : '0', NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const said = Promise.withResolvers<string>();
  const take = (chunk: Buffer) => {
    output += chunk;
    const [, path] = /left in (\S+)/.exec(output) ?? [];
    if (path !== undefined) said.resolve(path);
  };
  child.stdout.on('data', take);
  child.stderr.on('data', take);
  const ended = once(child, 'close').then(([code]) => {
    said.reject(new Error(`it left nothing:\n${output}`));
    return { code, output };
  });
  return { child, ended, left: said.promise };
}

describe("a run's temporary files", () => {
  it('lie in one folder, which is gone when the run is over', async () => {
    const { ended, left } = run(false);
    expect(dirname(await left)).toMatch(new RegExp(`^${parent}/mt-\\d+-\\d+/tmp$`));
    expect(await ended).toMatchObject({ code: 0 });
    expect(readdirSync(parent)).toEqual([]);
  });

  it('of a run that was killed are gone when the next is over', async () => {
    const killed = run(true);
    await killed.left;
    killed.child.kill('SIGKILL');
    await killed.ended;
    expect(readdirSync(parent)).toHaveLength(1);
    const next = run(false);
    expect(await next.ended).toMatchObject({ code: 0 });
    expect(readdirSync(parent)).toEqual([]);
  });

  it('are swept by process id and start: what is not a dead run stays', () => {
    const own = makeRunFolder(parent);
    const otherStart = join(parent, `mt-${process.pid}-1`);
    for (const path of [otherStart, join(parent, 'mt-1234'), join(parent, 'mt-1-x'), join(parent, 'other')]) {
      mkdirSync(path);
    }
    sweepRunFolders(parent);
    expect(readdirSync(parent).sort()).toEqual(
      [own.slice(parent.length + 1), 'mt-1-x', 'mt-1234', 'other'].sort(),
    );
  });
});

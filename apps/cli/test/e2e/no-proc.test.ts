import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Running, start } from '../helpers/cli.js';
import { tempDirectory } from '../helpers/temp.js';

/** A mount namespace of its own, in which /proc is an empty file system; then whatever follows. */
const WITHOUT_PROC = ['unshare', '-rm', 'sh', '-c', 'mount -t tmpfs none /proc && exec "$@"', 'sh'];
const [program = '', ...rest] = WITHOUT_PROC;
const possible = spawnSync(program, [...rest, 'true']).status === 0;
/** Shown in the name of each skipped test: a skip is no pass. */
const absent = possible ? '' : ' (namespaces cannot be made here)';

function startWithoutProc(...args: string[]): Running {
  return start(args, { wrap: WITHOUT_PROC });
}

describe.skipIf(!possible)(`without /proc, as in a sandbox${absent}`, () => {
  it.each([
    'demo:16M',
    'demo:16M,populate,backing=memfd',
    'demo:16M,zero=0.5,backing=file',
    'demo:16M,dirty=8M',
    'demo:16M,dirty=8M,tracker=digest,backing=thp',
    'demo:16M,backing=wasm',
  ])('%s migrates, and what the system does not tell is null', async (source) => {
    const migrating = startWithoutProc('migrate', source, 'loopback', '--json');
    const { code, stdout, stderr } = await migrating.ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const document = JSON.parse(stdout);
    expect(document.status).toBe('completed');
    if (!/memfd|file/.test(source)) {
      expect(document.allocated).toEqual({ source: null, destination: null });
    }
  });

  it.each(['memory', 'memory:thp'])('a receive that lacks it alone is no failure: %s', async (target) => {
    const receiving = startWithoutProc('receive', 'tcp:127.0.0.1:0', target, '--json');
    const to = await receiving.says(/listening on (tcp:\S+)/);
    const migrated = await start(['migrate', 'demo:16M,dirty=8M', to, '--json']).ended;
    expect(migrated.code, migrated.stderr).toBe(0);
    expect((await receiving.ended).code).toBe(0);
  });

  it('nor is a relay', async () => {
    const receiving = startWithoutProc('receive', 'tcp:127.0.0.1:0');
    const relaying = startWithoutProc(
      'relay',
      'tcp:127.0.0.1:0',
      await receiving.says(/listening on (tcp:\S+)/),
    );
    const to = await relaying.says(/listening on (tcp:[^\s,]+)/);
    expect((await start(['migrate', 'demo:16M', to]).ended).code).toBe(0);
    expect((await relaying.ended).code).toBe(0);
    expect((await receiving.ended).code).toBe(0);
  });

  it('a raw: source is mapped all the same', async () => {
    const file = join(tempDirectory(), 'guest.raw');
    writeFileSync(file, new Uint8Array(2 ** 20).fill(7));
    const { code, stderr } = await startWithoutProc('migrate', `raw:${file}`).ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });

  it('a tracker that needs it says so', async () => {
    const { code, stderr } = await startWithoutProc('migrate', 'demo:16M,dirty=8M,tracker=uffd').ended;
    expect(code).toBe(3);
    expect(stderr).toMatch(/^multifd: demo: tracker uffd: .*\/proc\/self\/pagemap.*\nhint: .*\n$/);
  });
});

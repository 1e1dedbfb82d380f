import { rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { run, start } from '../helpers/cli.js';
import { tempDirectory } from '../helpers/temp.js';

/** A shell whose working directory is gone, and which then becomes the command. */
const gone = ['sh', '-c', 'mkdir gone && cd gone && rmdir ../gone && exec "$@"', 'sh'];

it.each([
  ['migrate', 'demo:16M'],
  ['receive', 'tcp:127.0.0.1:0', 'file:guest'],
  ['relay', 'tcp:127.0.0.1:0', 'tcp:127.0.0.1:1'],
  ['inspect', 'guest'],
  ['accel', 'list'],
])('a working directory that was removed: %s says so', async (...args) => {
  const { code, stdout, stderr } = await start([...args, '--json'], { wrap: gone, cwd: tempDirectory() })
    .ended;
  expect({ code, stderr }).toEqual({
    code: 2,
    stderr: 'multifd: the working directory was removed\nhint: start it in a directory that stays\n',
  });
  expect(JSON.parse(stdout)).toMatchObject({ status: 'failed', 'error-class': 'usage' });
});

it('one that is removed while receive waits is named, and the source keeps its guest', async () => {
  const cwd = join(tempDirectory(), '');
  const receiving = start(['receive', 'tcp:127.0.0.1:0'], { cwd });
  const address = await receiving.says(/listening on (tcp:\S+)/);
  rmdirSync(cwd);
  const source = await run(['migrate', 'demo:16M', address]);
  expect(source.code).toBe(1);
  expect(source.stderr).toContain('the guest is intact here');
  const { code, stderr } = await receiving.ended;
  expect(code).toBe(1);
  expect(stderr).toMatch(
    /: the working directory was removed .*\nhint: start it in a directory that stays\n$/,
  );
  expect(stderr).not.toContain('mistake of ours');
});

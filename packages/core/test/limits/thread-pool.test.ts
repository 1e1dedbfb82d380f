import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { poolSize } from '../../src/limits/thread-pool.js';

/** A program of its own: in this one the pool is there already. */
const PROGRAM = `
  import { readdirSync } from 'node:fs';
  import { checkLimits, NO_THREADS, startThreadPool } from ${JSON.stringify(new URL('../../dist/index.js', import.meta.url))};
  const threads = () => readdirSync('/proc/self/task');
  const missing = () => {
    const none = { openFiles: undefined, userThreads: undefined, addressSpace: undefined };
    try {
      checkLimits(NO_THREADS, [], { ...none, groupThreads: { free: 0, limit: 9 } });
      return '';
    } catch (error) {
      return error.message;
    }
  };
  const before = new Set(threads());
  const first = missing();
  startThreadPool();
  startThreadPool();
  console.log(JSON.stringify({ started: threads().filter((each) => !before.has(each)).length, first, second: missing() }));
`;

function runIn(setting: string | undefined) {
  const { UV_THREADPOOL_SIZE: _, ...env } = process.env;
  const told = setting === undefined ? env : { ...env, UV_THREADPOOL_SIZE: setting };
  const printed = execFileSync(process.execPath, ['--input-type=module', '-e', PROGRAM], { env: told });
  return JSON.parse(printed.toString());
}

describe('the pool of libuv', () => {
  it.each([
    [undefined, 4],
    ['', 1],
    ['0', 1],
    ['words', 1],
    ['7 threads', 7],
    ['-1', 1024],
    ['5000', 1024],
  ])('with UV_THREADPOOL_SIZE %j has %i threads', (setting, size) => {
    expect(poolSize(setting ?? undefined)).toBe(size);
  });

  it.runIf(process.platform === 'linux').each([undefined, '', '0', 'words', '1', '7 threads', '-1'])(
    'with UV_THREADPOOL_SIZE %j is all there when the call returns, and is not counted then',
    (setting) => {
      const size = poolSize(setting ?? undefined);
      const first = expect.stringMatching(`^${size} more threads are needed`);
      expect(runIn(setting)).toEqual({ started: size, first, second: '' });
    },
  );
});

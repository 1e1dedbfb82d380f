import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { MultifdError } from '@multifd/core';
import { afterAll, describe, expect, it } from 'vitest';
import { checkEntries } from '../../src/limits/entry-file.js';
import { checkLimits, NO_THREADS, relayThreads, threadsOf } from '../../src/limits/needs.js';
import { checkVersion } from '../../src/limits/node-version.js';
import { readSystemLimits } from '../../src/limits/system-limits.js';
import { shortageOf } from '../../src/shortage.js';

const MIB = 2 ** 20;
const THREE = threadsOf(2, 1);
const root = mkdtempSync(join(tmpdir(), 'limits-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

function thrownBy(call: () => void): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}

function write(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

const NONE = {
  openFiles: undefined,
  userThreads: undefined,
  groupThreads: undefined,
  addressSpace: undefined,
} as const;

describe('the limits of the system', () => {
  it('are not known where there is no /proc', () => {
    expect(readSystemLimits(join(root, 'nowhere'))).toEqual(NONE);
  });

  it('come from /proc, and for control groups from the one with the least room', () => {
    write(
      'proc/self/limits',
      'Limit   Soft Limit  Hard Limit  Units\nMax open files   10   20   files\nMax processes  unlimited unlimited processes\nMax address space  1048576000  unlimited  bytes\n',
    );
    for (const fd of [0, 1, 2]) write(`proc/self/fd/${fd}`, '');
    write('proc/self/status', 'VmSize:\t 1000 kB\n');
    write('proc/self/cgroup', '4:memory:/x\n0::/a/b\n');
    write('sys/fs/cgroup/a/b/pids.max', 'max\n');
    write('sys/fs/cgroup/a/b/pids.current', '3\n');
    write('sys/fs/cgroup/a/pids.max', '40\n');
    write('sys/fs/cgroup/a/pids.current', '35\n');
    write('sys/fs/cgroup/pids.max', '400\n');
    write('sys/fs/cgroup/pids.current', '35\n');
    expect(readSystemLimits(root)).toEqual({
      openFiles: { free: 7, limit: 10 },
      userThreads: undefined,
      groupThreads: { free: 5, limit: 40 },
      addressSpace: { free: 1048576000 - 1024000, limit: 1048576000 },
    });
    write('proc/self/cgroup', '8:cpu,pids:/v1\n');
    write('sys/fs/cgroup/pids/v1/pids.max', '12\n');
    write('sys/fs/cgroup/pids/v1/pids.current', '12\n');
    expect(readSystemLimits(root).groupThreads).toEqual({ free: 0, limit: 12 });
  });

  it('this process has room for a migration', () => {
    expect(() => checkLimits(THREE)).not.toThrow();
  });

  it.each([
    ['openFiles', /3 threads need 33 more open files, and of 64 \(RLIMIT_NOFILE\) 5 are left/, /ulimit -n/],
    ['groupThreads', /7 more threads are needed, and of 64 \(pids.max .*\) 5 are left/, /pids.max/],
    ['userThreads', /7 more threads .* of 64 for this user \(RLIMIT_NPROC\) 5 are left/, /ulimit -u/],
    ['addressSpace', /3 threads need 2550 MiB more address space.*RLIMIT_AS/, /ulimit -v/],
  ])('%s: one line and what to raise', (name, message, hint) => {
    const error = thrownBy(() => checkLimits(THREE, [], { ...NONE, [name]: { free: 5, limit: 64 } }));
    expect(error).toMatchObject({ code: 'io', message: expect.stringMatching(message) });
    expect(error).toMatchObject({ hint: expect.stringMatching(hint) });
    expect(() =>
      checkLimits(THREE, [], { ...NONE, [name]: { free: 3000 * MIB, limit: 4000 * MIB } }),
    ).not.toThrow();
  });

  it('fewer channels are named where they would be enough', () => {
    const hint = (free: number): unknown => {
      const error = thrownBy(() =>
        checkLimits(threadsOf(4, 2), [threadsOf(3, 1)], { ...NONE, groupThreads: { free, limit: 64 } }),
      );
      return error instanceof MultifdError ? error.hint : error;
    };
    // 6 and 4 threads, the pool, and another Node with its own; with one channel 3 and 2.
    expect(hint(24)).toMatch(/^take fewer channels .*, or raise pids\.max/);
    expect(hint(20)).toMatch(/^take fewer channels/);
    expect(hint(19)).toMatch(/^raise pids\.max/);
    const ofFiles = (free: number): unknown => {
      const error = thrownBy(() =>
        checkLimits(threadsOf(8, 1), [], { ...NONE, openFiles: { free, limit: 64 } }),
      );
      return error instanceof MultifdError ? error.hint : error;
    };
    expect(ofFiles(26)).toMatch(/^take fewer channels .*, or raise ulimit -n/);
    expect(ofFiles(25)).toMatch(/^raise ulimit -n/);
  });

  it.each([
    [1, 2, 'outgoing.multifdChannels'],
    [8, 1, 'multifdChannels'],
    [8, 8, 'multifdChannels and outgoing.multifdChannels'],
  ])('a relay with %i and %i channels: fewer of %s', (incoming, outgoing, sides) => {
    const { threads, least, parameter } = relayThreads(incoming, outgoing);
    expect({ threads, least, parameter }).toEqual({
      threads: incoming + outgoing + 1,
      least: 3,
      parameter: sides,
    });
  });

  it('no thread of ours: what Node needs, and nothing about channels', () => {
    const error = thrownBy(() =>
      checkLimits(NO_THREADS, [], { ...NONE, groupThreads: { free: 3, limit: 64 } }),
    );
    expect(error).toMatchObject({ message: expect.stringMatching(/^4 more threads are needed/) });
    expect(error).toMatchObject({ hint: 'raise pids.max (--pids-limit of a container)' });
    const files = thrownBy(() => checkLimits(NO_THREADS, [], { ...NONE, openFiles: { free: 3, limit: 64 } }));
    expect(files).toMatchObject({ message: expect.stringMatching(/^this needs 12 more open files/) });
    expect(() =>
      checkLimits(NO_THREADS, [], { ...NONE, groupThreads: { free: 4, limit: 64 } }),
    ).not.toThrow();
  });
});

describe('an error that comes of a limit nevertheless', () => {
  it.each([
    [
      Object.assign(new Error('Worker initialization failure: EMFILE'), { code: 'ERR_WORKER_INIT_FAILED' }),
      /files/,
    ],
    [
      Object.assign(new Error('Worker initialization failure: EAGAIN'), { code: 'ERR_WORKER_INIT_FAILED' }),
      /threads/,
    ],
    [Object.assign(new Error('spawn EAGAIN'), { code: 'EAGAIN' }), /threads/],
    [Object.assign(new Error('EMFILE: too many open files'), { code: 'EMFILE' }), /files/],
    // Of a thread whose modules Node could not load.
    [new Error('Cannot read package config /usr/lib/package.json: too many open files.'), /files/],
    [Object.assign(new Error('Worker terminated'), { code: 'ERR_WORKER_OUT_OF_MEMORY' }), /memory/],
    [new RangeError('Array buffer allocation failed'), /memory/],
  ])('%s is no mistake of ours', (cause, what) => {
    const error = MultifdError.from(cause, 'internal', 'channel 3');
    expect(error).toMatchObject({ code: 'io', message: expect.stringMatching(what) });
    expect(error.hint).toMatch(/fewer channels/);
  });

  it('a real bug stays one', () => {
    expect(shortageOf(new RangeError('offset is out of bounds'))).toBeUndefined();
    expect(MultifdError.from(new TypeError('x'), 'internal', 'here').code).toBe('internal');
  });
});

describe("Node's version", () => {
  it.each(['18.20.8', '20.20.2', '21.7.3'])('%s is too old, in one line', (version) => {
    expect(() => checkVersion(version)).toThrow(
      new RegExp(`^@multifd/core needs Node 22.0 or newer, and this is Node ${version}$`),
    );
  });

  it.each(['22.0.0', '24.0.0', '26.10.0', '27.0.0'])('%s is not', (version) => {
    expect(() => checkVersion(version)).not.toThrow();
  });
});

describe('a program that was bundled', () => {
  it('has no entries of threads: one line, and what to do', () => {
    expect(() => checkEntries(new URL('./entries/incoming.js', import.meta.url))).toThrow(
      expect.objectContaining({
        code: 'usage',
        message: expect.stringMatching(/^@multifd\/core was bundled, /),
        hint: expect.stringMatching(/^mark @multifd\/\* as external/),
      }),
    );
  });
});

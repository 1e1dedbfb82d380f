import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { built } from './support/addon.js';
import { folder } from './support/memory.js';

const FIXTURE = fileURLToPath(new URL('./fixtures/shrink.mjs', import.meta.url));
const BROKEN = expect.stringMatching(
  /^io: RAM block pc\.ram: .*became shorter.*not whole \(nobody else may cut/,
);

/** In a process of its own, since what is tested must not end this one. */
function run(what: string, where: string = join(folder, 'shrinking.img')) {
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, [FIXTURE, what, where], {
    encoding: 'utf8',
  });
  const said: unknown[] = stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
  return { status, signal, said, stderr };
}

/** A file system of its own that holds 16 pages: for the superuser only. */
const small = (command: string): string[] => [
  '-m',
  'sh',
  '-c',
  `mount -t tmpfs -o size=64k none "$0" && ${command}`,
];
const canMount = spawnSync('unshare', [...small('true'), folder]).status === 0;

describe.skipIf(!built || !canMount)('a file system that is full (superuser only)', () => {
  test('is an error and not a crash', () => {
    const command = small('exec "$1" "$2" full "$0/full.img"');
    const { stdout, stderr } = spawnSync('unshare', [...command, folder, process.execPath, FIXTURE], {
      encoding: 'utf8',
    });
    expect({ said: JSON.parse(stdout), stderr }).toEqual({ said: { first: 1, broken: BROKEN }, stderr: '' });
  });
});

describe.skipIf(!built)('a file that becomes shorter below a mapping', () => {
  test.each([
    { what: 'read', said: { before: [7, 'intact'], after: [7, 0, 0], broken: BROKEN } },
    { what: 'private', said: { before: [7, 'intact'], after: [7, 0, 0], broken: BROKEN } },
    { what: 'write', said: { after: [1, 0], broken: BROKEN } },
    { what: 'absent', said: { absent: 4096, broken: BROKEN } },
    { what: 'grown again', said: { seen: 0, broken: BROKEN } },
    { what: 'threads', said: { sum: 0, own: 0, broken: BROKEN } },
  ])('is an error and not a crash: $what', ({ what, said }) => {
    expect(run(what)).toEqual({ status: 0, signal: null, said: [said], stderr: '' });
  });

  test('any other SIGBUS ends the process as ever', () => {
    expect(run('kill')).toMatchObject({ signal: 'SIGBUS', said: ['before'] });
  });
});

import {
  linkSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { hiddenName, OwnFile } from '../../src/images/own-file.js';
import { tempDirectory } from '../helpers/temp.js';

const MIB = 2 ** 20;

/** A file of one MiB whose pages are being written. */
function beingWritten() {
  const directory = tempDirectory();
  const file = OwnFile.make('file:guest', directory, 'guest');
  file.resize(MIB);
  file.guard();
  return { directory, file };
}

describe('a file that is made for a guest', () => {
  it.each([0o000, 0o022, 0o077, 0o277, 0o777])('is for us alone, with umask %o', (umask) => {
    const before = process.umask(umask);
    try {
      const file = OwnFile.make('file:guest', tempDirectory(), 'guest');
      const { mode, uid } = statSync(file.path);
      expect([mode & 0o777, uid]).toEqual([0o600, process.geteuid?.()]);
      file.close();
    } finally {
      process.umask(before);
    }
  });

  it('has a name that cannot be foreseen, and fits for every name', () => {
    const names = new Set(Array.from({ length: 100 }, () => hiddenName('/x', 'guest', 'partial')));
    expect(names.size).toBe(100);
    const file = OwnFile.make('file:guest', tempDirectory(), 'ä'.repeat(127));
    expect(Buffer.byteLength(file.path)).toBeLessThan(400);
    file.close();
  });

  it('has a length that is what was written, once nobody else has touched it', () => {
    const { file } = beingWritten();
    writeSync(file.fd, Buffer.from('page'), 0, 4, MIB - 4);
    file.unguard();
    file.check();
    expect(statSync(file.path).size).toBe(MIB);
    file.close();
  });

  it.each([
    ['cut short, and then written behind the cut', /cut it short/, (path: string) => truncateSync(path, 0)],
    ['cut by one byte', /cut it short/, (path: string) => truncateSync(path, MIB + 4095)],
    ['appended to', /made it longer/, (path: string) => writeFileSync(path, 'x', { flag: 'a' })],
    ['removed', /removed or renamed it/, (path: string) => rmSync(path)],
    ['renamed', /removed or renamed it/, (path: string) => renameSync(path, `${path}x`)],
    ['replaced', /replaced it/, replace],
    ['replaced by a link', /replaced it/, replaceByLink],
  ])('that was %s is found out', (_, message, touch) => {
    const { file } = beingWritten();
    touch(file.path);
    writeSync(file.fd, Buffer.from('page'), 0, 4, MIB - 4);
    expect(() => file.unguard()).toThrow(
      expect.objectContaining({ code: 'io', message: expect.stringMatching(message) }),
    );
    file.close();
  });

  it('is not taken away from somebody who has its name by now', () => {
    const { file } = beingWritten();
    replace(file.path);
    file.remove();
    expect(readFileSync(file.path, 'utf8')).toBe('theirs');
    file.close();
  });

  it('is still ours with another link', () => {
    const { directory, file } = beingWritten();
    linkSync(file.path, join(directory, 'backup'));
    file.unguard();
    file.check();
    expect(file.isAt(join(directory, 'backup'))).toBe(true);
    file.close();
  });
});

function replace(path: string): void {
  rmSync(path);
  writeFileSync(path, 'theirs');
}

function replaceByLink(path: string): void {
  renameSync(path, `${path}x`);
  symlinkSync(`${path}x`, path);
}

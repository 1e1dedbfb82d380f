import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openRawSource } from '../../src/images/raw-source.js';
import { RawTarget } from '../../src/images/raw-target.js';
import { SourceFile } from '../../src/images/source-file.js';
import { tempDirectory } from '../helpers/temp.js';

function never(line: string): void {
  throw new Error(line);
}

describe('a path that cannot be right', () => {
  const long = 'x'.repeat(300);

  it.each([
    ['too long', () => long, /ENAMETOOLONG/],
    ['going round in a circle', () => circle(), /ELOOP/],
    ['a directory in place of an image', () => directoryAsImage(), /not a regular file/],
    ['below a file', () => join(plainFile(), 'below'), /no such file/],
  ])('of a source: %s', async (_, make, message) => {
    await expect(openRawSource(make(), never)).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringMatching(message),
      hint: expect.any(String),
    });
  });

  it('of an image that goes away, or cannot be read', async () => {
    expect(() => new SourceFile(join(plainFile(), 'below'))).toThrow(
      expect.objectContaining({
        code: 'usage',
        message: expect.stringMatching(/below: cannot be read: not a directory \(ENOTDIR\)$/),
      }),
    );
  });

  it.each([
    ['too long', () => join(tempDirectory(), long), /ENAMETOOLONG/],
    ['going round in a circle', () => circle(), /ELOOP/],
    ['a file', () => plainFile(), /not a directory/],
    ['below a file', () => join(plainFile(), 'below'), /file is not a directory/],
  ])('of a target: %s', async (_, make, message) => {
    await expect(RawTarget.open(make(), { replace: false })).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringMatching(message),
    });
  });

  function circle(): string {
    const path = join(tempDirectory(), 'circle');
    symlinkSync(path, path);
    return path;
  }

  function plainFile(): string {
    const path = join(tempDirectory(), 'file');
    writeFileSync(path, '');
    return path;
  }

  function directoryAsImage(): string {
    const directory = tempDirectory();
    mkdirSync(join(directory, 'pc.ram.raw'));
    return directory;
  }
});

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { claimName } from '../../src/images/claim-name.js';
import { FileTarget } from '../../src/images/file-target.js';
import { BLOCKS, received } from '../helpers/received.js';
import { tempDirectory } from '../helpers/temp.js';

// As vfat answers, and file systems of user space. None of them can be mounted everywhere that tests run.
vi.mock('node:fs', async (original) => ({
  ...(await original<typeof import('node:fs')>()),
  linkSync: () => {
    throw Object.assign(new Error('EPERM: operation not permitted, link'), { code: 'EPERM' });
  },
}));

describe('a file system without hard links', () => {
  it('gives a name to one file, and to no second', () => {
    const directory = tempDirectory();
    for (const name of ['a', 'b']) writeFileSync(join(directory, name), name);
    const to = join(directory, 'guest');
    claimName(join(directory, 'a'), to);
    expect(() => claimName(join(directory, 'b'), to)).toThrow(/guest is already there/);
    expect(readFileSync(to, 'utf8')).toBe('a');
    expect(readdirSync(directory)).toEqual(['b', 'guest']);
  });

  it('has no empty file left when the name cannot be given', () => {
    const directory = tempDirectory();
    expect(() => claimName(join(directory, 'nothing'), join(directory, 'guest'))).toThrow(/ENOENT/);
    expect(readdirSync(directory)).toEqual([]);
  });

  it('keeps one of two guests of one name, and the other fails', async () => {
    const directory = tempDirectory();
    const path = join(directory, 'guest.mig');
    const targets = [
      await FileTarget.open(path, { replace: false }),
      await FileTarget.open(path, { replace: false }),
    ];
    for (const target of targets) target.openRam(BLOCKS, 0, 'none');
    const ends = await Promise.allSettled(targets.map((target) => target.keep(received())));
    expect(ends.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    targets.forEach((target, index) => {
      expect(ends[index]?.status === 'fulfilled' ? target.settle() : target.discard()).toEqual([]);
    });
    expect(readdirSync(directory)).toEqual(['guest.mig']);
  });
});

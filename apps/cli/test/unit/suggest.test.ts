import { describe, expect, it } from 'vitest';
import { suggestion } from '../../src/options/suggest.js';
import { typedName } from '../../src/options/typed-name.js';

describe('a suggestion', () => {
  const known = ['--channels', '--multifd-channels', '--max-bandwidth', 'avx2', 'avx512', 'js', 'zstd'];

  it.each([
    ['--chanels', '--channels'],
    ['--maxbandwith', '--max-bandwidth'],
    ['AVX2', 'avx2'],
    ['avx-512', 'avx512'],
    ['zst', 'zstd'],
    ['axv2', 'avx2'],
    ['sj', 'js'],
  ])('for %s is %s', (word, meant) => expect(suggestion(word, known)).toBe(meant));

  it.each(['', '-', 'x', '--frobnicate', './my-module', 'cpu'])('is none for %j', (word) => {
    expect(suggestion(word, known)).toBeUndefined();
  });

  it('is none where nothing is known', () => expect(suggestion('zstd', [])).toBeUndefined());
});

describe('the name that was typed', () => {
  const names = ['--channels', '--multifd-channels'];

  it.each([
    [['migrate', '--channels', '0'], '--channels'],
    [['migrate', '--multifd-channels=0'], '--multifd-channels'],
    [['--channels', '2', '--multifd-channels', '0'], '--multifd-channels'],
    [['--channels', '0', '--multifd-channels', '2'], '--channels'],
    // Behind `--` there are only arguments.
    [['--multifd-channels', '0', '--', '--channels', '0'], '--multifd-channels'],
    [[], '--multifd-channels'],
  ])('in %j is %s', (args, name) => expect(typedName(args, names, '0')).toBe(name));
});

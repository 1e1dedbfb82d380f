import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const read = (path: string): string => readFileSync(new URL(`../../../../${path}`, import.meta.url), 'utf8');
const floorOf = (path: string): string => JSON.parse(read(path)).engines.node;

/** The entry of the command imports nothing before it has looked at the version, so it holds a copy. */
it.each([
  ['apps/cli', 'apps/cli/src/cli.ts'],
  ['packages/qemu', 'packages/qemu/src/node-version.ts'],
  ['packages/store', 'packages/store/src/node-version.ts'],
])('%s checks what its package.json says', (home, check) => {
  const [, old, minor, next] =
    /major === (\d+) && minor >= (\d+)\) \|\| major >= (\d+)\)/.exec(read(check)) ?? [];
  expect(`^${old}.${minor}.0 || >=${next}.0.0`).toBe(floorOf(`${home}/package.json`));
});

it('core checks what its package.json says', () => {
  const check = read('packages/core/src/limits/node-version.ts');
  const [, major, minor] = /^const OLDEST = \[(\d+), (\d+)\] as const;$/m.exec(check) ?? [];
  expect(`>=${major}.${minor}.0`).toBe(floorOf('packages/core/package.json'));
});

const NEED_ZSTD = new Set(['qemu', 'store']);

/** zlib of Node has zstd from 22.15 and 23.8 on: qemu reads files with it, store packs chunks with it. The others take every 22. */
it.each(readdirSync(new URL('../../../../packages', import.meta.url)).filter((name) => name !== 'testing'))(
  'packages/%s asks for no newer Node than it needs',
  (name) => {
    expect(floorOf(`packages/${name}/package.json`)).toBe(
      floorOf(NEED_ZSTD.has(name) ? 'apps/cli/package.json' : 'packages/core/package.json'),
    );
  },
);

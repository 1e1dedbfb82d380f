import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const read = (path: string): string => readFileSync(new URL(`../../../../${path}`, import.meta.url), 'utf8');

/** The entry of the command imports nothing before it has looked at the version, so it holds a copy. */
it.each(['apps/cli/src/cli.ts', 'packages/core/src/limits/node-version.ts'])(
  '%s has the version of package.json',
  (path) => {
    const { engines } = JSON.parse(read('apps/cli/package.json'));
    const [, major, minor] = /^const OLDEST = \[(\d+), (\d+)\] as const;$/m.exec(read(path)) ?? [];
    expect(`>=${major}.${minor}`).toBe(engines.node);
  },
);

it.each(readdirSync(new URL('../../../../packages', import.meta.url)))(
  'packages/%s needs the same Node',
  (name) => {
    const { engines } = JSON.parse(read(`packages/${name}/package.json`));
    expect(engines).toEqual(JSON.parse(read('apps/cli/package.json')).engines);
  },
);

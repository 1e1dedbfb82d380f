import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Ended, run, startReceive } from '../helpers/cli.js';
import { tempDirectory } from '../helpers/temp.js';

/** Migrations at a time: each has a destination process of its own, and all of these want one name. */
const RIVALS = 2;
const IMAGES = ['%2From%40etc%2Facpi%2Ftables.raw', 'pc.ram.raw'];
const CASES = [
  { kind: 'file', force: false, older: false },
  { kind: 'file', force: true, older: false },
  { kind: 'file', force: true, older: true },
  { kind: 'raw', force: false, older: false },
  { kind: 'raw', force: true, older: false },
  { kind: 'raw', force: true, older: true },
];

interface Pair {
  readonly source: Ended;
  readonly destination: Ended;
}

/** Each with a guest of its own. */
async function compete(target: string, force: boolean): Promise<Pair[]> {
  const options = force ? [target, '--force'] : [target];
  const receiving = await Promise.all(Array.from({ length: RIVALS }, () => startReceive(options)));
  return Promise.all(
    receiving.map(async ({ address, ended }, index) => {
      const source = await run(['migrate', `demo:16M,zero=0.${index + 1}`, address, '--json']);
      return { source, destination: await ended };
    }),
  );
}

/** Normal pages of what a source has sent, or of what was kept: each of these guests has another number of them. */
function normalPages(json: string): number {
  return JSON.parse(json).ram.normal;
}

describe('two destinations that want one name at the same time', () => {
  it.each(CASES)(
    '$kind, --force $force, something there $older: one guest is kept, the other stays',
    async (each) => {
      const directory = tempDirectory();
      const file = join(directory, 'guest.mig');
      const names = each.kind === 'file' ? ['guest.mig'] : IMAGES;
      if (each.older) for (const name of names) writeFileSync(join(directory, name), 'old');
      const pairs = await compete(each.kind === 'file' ? `file:${file}` : `raw:${directory}`, each.force);

      const kept = pairs.filter(({ destination }) => destination.code === 0);
      expect(kept, JSON.stringify(pairs)).toHaveLength(1);
      for (const { source, destination } of pairs) {
        // Both ends agree on who has the guest.
        if (destination.code === 0) {
          expect(source.code).toBe(0);
          continue;
        }
        expect(destination).toMatchObject({ code: 2, stdout: '' });
        expect(destination.stderr).toMatch(
          /(already there|has written it since this receive began).*\nhint: .+\n$/,
        );
        expect(source.code).toBe(1);
        expect(JSON.parse(source.stdout)).toMatchObject({ status: 'failed' });
      }
      const manifest = each.kind === 'file' ? [] : ['multifd.json'];
      expect(readdirSync(directory).sort()).toEqual([...names, ...manifest].sort());
      const sent = await run([
        'migrate',
        each.kind === 'file' ? `file:${file}` : `raw:${directory}`,
        '--json',
      ]);
      expect(normalPages(sent.stdout)).toBe(normalPages(kept[0]?.source.stdout ?? ''));
    },
    120_000,
  );
});

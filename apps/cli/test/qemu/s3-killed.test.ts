import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createRandom, testSeed } from '@multifd/testing/random';
import { expect, it } from 'vitest';
import { run, start, startReceive } from '../helpers/cli.js';
import { hasMoto, startMoto, withoutMoto } from '../helpers/moto.js';
import { tempDirectory } from '../helpers/temp.js';

const STORE = 's3://guests/lab';
const KILLS = 6;
/** ms in which the guest comes and is stored, on a machine that has nothing else to do. */
const LONGEST = 3000;

it.runIf(hasMoto)(
  `a receive into S3 that is killed at any moment leaves a store that is whole${withoutMoto}`,
  async () => {
    const seed = testSeed();
    const random = createRandom(seed);
    const { AWS_SESSION_TOKEN: _, AWS_ENDPOINT_URL_S3: __, ...inherited } = process.env;
    const directory = tempDirectory();
    const env = { ...inherited, ...(await startMoto()), TMPDIR: join(directory, 'tmp') };
    mkdirSync(env.TMPDIR);
    const store = async (...words: readonly string[]) => {
      const { code, stdout, stderr } = await run(['store', ...words, '--json'], { env });
      expect(code, `seed ${seed}: store ${words.join(' ')}: ${stderr}`).toBe(0);
      return JSON.parse(stdout);
    };
    const names = async (): Promise<readonly string[]> =>
      (await store('ls', STORE)).snapshots.map(({ name }: { readonly name: string }) => name);
    const bring = async (name: string, guest: string, killAfter?: number): Promise<number | null> => {
      const receiving = await startReceive([`store:${STORE}#${name}`, '--force'], { env });
      const source = start(['migrate', guest, receiving.address]);
      const timer = new AbortController();
      if (killAfter !== undefined) {
        const kill = () => receiving.child.kill('SIGKILL');
        sleep(killAfter, undefined, { signal: timer.signal }).then(kill, () => {});
      }
      await Promise.all([receiving.ended, source.ended]);
      timer.abort();
      return (await source.ended).code;
    };
    expect(await bring('first', 'demo:24M,zero=0.5')).toBe(0);
    const stored = new Set(['first']);
    for (let kill = 0; kill < KILLS; kill++) {
      // Once into a name of its own, once into one that somebody has.
      const name = kill % 2 === 0 ? `s${kill}` : 'first';
      const code = await bring(name, `demo:48M,zero=0.3,seed=${kill}`, random.int(LONGEST));
      if (code === 0) stored.add(name);
      const { faults, broken } = await store('verify', STORE);
      expect({ faults, broken }, `seed ${seed}, kill ${kill}`).toEqual({ faults: [], broken: [] });
      // What a source has let go of is there.
      expect(await names()).toEqual(expect.arrayContaining([...stored]));
    }
    await store('gc', STORE);
    expect(await store('verify', STORE)).toMatchObject({ faults: [], broken: [] });
    expect(await names()).toEqual(expect.arrayContaining([...stored]));
    expect(await bring('first', 'demo:24M,zero=0.5,seed=9')).toBe(0);
  },
  300_000,
);

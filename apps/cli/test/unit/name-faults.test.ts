import { readdirSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type Exchange, loadExchange } from '../../src/images/exchange.js';
import { lookAt } from '../../src/images/file-identity.js';
import { FinalName } from '../../src/images/final-name.js';
import { OwnFile } from '../../src/images/own-file.js';
import { tempDirectory } from '../helpers/temp.js';

/** Calls that give, move or remove a name: the call of this number fails, before or after it has done its work. */
const fault = vi.hoisted(() => ({ at: 0, count: 0, done: false }));

const faulty = vi.hoisted(
  () =>
    <Arguments extends unknown[], Result>(call: (...given: Arguments) => Result) =>
    (...given: Arguments): Result => {
      const isIt = ++fault.count === fault.at;
      if (isIt && !fault.done) throw Object.assign(new Error('EIO: i/o error'), { code: 'EIO' });
      const result = call(...given);
      if (isIt) throw Object.assign(new Error('EIO: i/o error'), { code: 'EIO' });
      return result;
    },
);

vi.mock('node:fs', async (original) => {
  const real = await original<typeof import('node:fs')>();
  return {
    ...real,
    linkSync: faulty(real.linkSync),
    renameSync: faulty(real.renameSync),
    rmSync: faulty(real.rmSync),
  };
});

const real = loadExchange();
const WAYS: readonly { way: string; exchange: Exchange | undefined }[] = [
  ...(real === undefined ? [] : [{ way: 'exchanged', exchange: faulty(real) }]),
  { way: 'moved aside', exchange: undefined },
];

/** More than any of these needs. */
const MOST_CALLS = 12;

function arm(at: number, done: boolean): void {
  Object.assign(fault, { at, done, count: 0 });
}

afterEach(() => arm(0, false));

function contentsOf(directory: string): Record<string, string> {
  return Object.fromEntries(
    readdirSync(directory).map((name) => [name, readFileSync(join(directory, name), 'utf8')]),
  );
}

/** A complete file that wants the name `guest`, which another may have. */
function wants(exchange: Exchange | undefined, wasThere: boolean) {
  const directory = tempDirectory();
  const path = join(directory, 'guest');
  if (wasThere) writeFileSync(path, 'old');
  const file = OwnFile.make('new', directory, 'guest');
  writeSync(file.fd, 'new');
  file.resized();
  return { directory, file, name: new FinalName(path, { replace: true, before: lookAt(path), exchange }) };
}

function failureOf(work: () => void): unknown {
  try {
    work();
    return undefined;
  } catch (error) {
    return error;
  }
}

describe.each(WAYS)('one call for names fails, what was there is $way', ({ exchange }) => {
  describe.each([
    ['without having happened', false],
    ['although it has happened', true],
  ])('%s', (_, done) => {
    it.each([true, false])('a guest is not wanted in the end; another was there: %s', (wasThere) => {
      for (let at = 1; at <= MOST_CALLS; at++) {
        arm(0, done);
        const { directory, file, name } = wants(exchange, wasThere);
        arm(at, done);
        const taking = failureOf(() => name.take(file));
        if (taking === undefined) expect(contentsOf(directory).guest).toBe('new');
        const givingBack = failureOf(() => name.giveBack());
        const found = contentsOf(directory);
        if (wasThere) expect(Object.values(found), `call ${at}`).toContain('old');
        // Silence means that all is as it was.
        if (givingBack === undefined) expect(found.guest, `call ${at}`).toBe(wasThere ? 'old' : undefined);
        arm(0, done);
        file.remove();
        file.close();
        // A hidden second name of ours may be left: nobody takes it for a guest.
        const visible = readdirSync(directory).filter((found) => !found.startsWith('.'));
        if (givingBack === undefined) expect(visible).toEqual(wasThere ? ['guest'] : []);
      }
    });

    it('a guest that has replaced another is whole, or the other is', () => {
      for (let at = 1; at <= MOST_CALLS; at++) {
        arm(0, done);
        const { directory, file, name } = wants(exchange, true);
        arm(at, done);
        const taking = failureOf(() => name.take(file));
        if (taking === undefined) {
          failureOf(() => name.settle());
          expect(contentsOf(directory).guest).toBe('new');
        } else {
          expect(Object.values(contentsOf(directory)), `call ${at}`).toContain('old');
        }
        file.close();
      }
    });
  });
});

import { loadMethod, sampleMethod } from '@multifd/core/codec';
import { testSeed } from '@multifd/testing/random';
import { describe, expect, it } from 'vitest';
import { sampleGuest } from '../../src/methods/guest-sample.js';
import { fixture } from '../support/fixtures.js';
import { inTime } from '../support/outcome.js';
import { createGuestRam, type Fill, fillRandom, MIB } from '../support/ram.js';

const seed = testSeed();
const method = await loadMethod('run-length', [fixture('run-length.mjs')]);
const repeated: Fill = (page, index) => page.fill(1 + (index % 200));
const noise: Fill = (page, _index, random) => fillRandom(page, random);

function ramOf(fill: Fill, pageSize = 4096) {
  return createGuestRam({ seed, pageSize, fill, blocks: [{ name: 'pc.ram', length: 16 * MIB }] });
}

describe('a sample of a method', () => {
  it('tells what is made of memory that is easy, and of noise', async () => {
    const easy = await sampleMethod(method, ramOf(repeated));
    expect(easy).toMatchObject({ packets: 4, pageBytes: 4 * 524288, payloadBytes: 4 * 128 * 3 });
    expect(easy.duration).toBeGreaterThan(0);
    const hard = await sampleMethod(method, ramOf(noise, 16384), { packets: 2 });
    expect(hard.pageBytes).toBe(2 * 524288);
    expect(hard.payloadBytes).toBeGreaterThan(hard.pageBytes);
  });

  it('takes no zero pages, and nothing of a guest that has nothing else', async () => {
    const every = await sampleMethod(
      method,
      ramOf((page, index) => index % 3 === 0 && page.fill(9)),
    );
    expect(every.pageBytes).toBe(4 * 524288);
    const few = await sampleMethod(
      method,
      ramOf((page, index) => index % 64 === 0 && page.fill(9)),
    );
    expect(few).toMatchObject({ packets: 4, pageBytes: 4 * 8 * 4096 });
    expect(
      await sampleMethod(
        method,
        ramOf(() => {}),
      ),
    ).toMatchObject({ packets: 0, pageBytes: 0, duration: 0 });
  });

  it('looks on where most of the guest is zero, and then where it is told to', async () => {
    const blocks = [{ name: 'pc.ram', length: 200 * MIB }];
    // In the first fiftieth: no place of the first look is in it.
    const front = createGuestRam({ seed, blocks, fill: (page, index) => index < 1024 && page.fill(7) });
    expect(await sampleMethod(method, front, { packets: 1 })).toMatchObject({
      packets: 1,
      pageBytes: 128 * 4096,
    });
    // In one page, which only its place tells of.
    const page = 39_000;
    const lost = createGuestRam({ seed, blocks, fill: (bytes, index) => index === page && bytes.fill(7) });
    expect(await sampleMethod(method, lost, { packets: 1 })).toMatchObject({ packets: 0 });
    const known = [{ block: 0, offset: page * 4096 + 5 }];
    const sample = await sampleGuest(lost, { packets: 1, known });
    expect(sample.packets.map(({ offsets, count }) => [offsets[0], count])).toEqual([[page * 4096, 1]]);
    sample.close();
  });

  it('ends early, also with a method that does not come back', async () => {
    const stop = new AbortController();
    const hangs = {
      ...method,
      sendSetup: () => ({
        prepare: () => {
          stop.abort();
          return new Promise<never>(() => {});
        },
        cleanup() {},
      }),
    };
    const sampling = sampleMethod(hangs, ramOf(repeated), { signal: stop.signal });
    expect(await inTime(sampling, 'a sample that was stopped')).toMatchObject({ packets: 0 });
    expect(await sampleMethod(method, ramOf(repeated), { signal: stop.signal })).toMatchObject({
      packets: 0,
    });
  });

  it('is of all blocks, and leaves the method closed', async () => {
    const seen: string[] = [];
    let open = 0;
    const spy = {
      ...method,
      sendSetup: async (options: Parameters<typeof method.sendSetup>[0]) => {
        open++;
        const hooks = await method.sendSetup(options);
        return {
          prepare: (pages: Parameters<typeof hooks.prepare>[0]) => {
            seen.push(`${pages.block.name} ${pages.offsets[0]}`);
            return hooks.prepare(pages);
          },
          cleanup: () => {
            open--;
          },
        };
      },
    };
    const blocks = ['a', 'b', 'c'].map((name) => ({ name, length: 4 * MIB }));
    await sampleMethod(spy, createGuestRam({ seed, blocks, fill: repeated }), { packets: 6 });
    expect(seen).toEqual(['a', 'b', 'c'].flatMap((name) => [`${name} ${MIB}`, `${name} ${3 * MIB}`]));
    expect(open).toBe(0);
  });
});

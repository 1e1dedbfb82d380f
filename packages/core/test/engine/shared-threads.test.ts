import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  DirtyBitmap,
  type Guest,
  MultifdError,
  openRamBlockSync,
  type ZeroPageDetection,
} from '@multifd/core';
import { createRandom, testSeed } from '@multifd/testing/random';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { FaultyLine } from '../support/faulty-line.js';
import { fixture } from '../support/fixtures.js';
import { MANY_CHANNELS } from '../support/host.js';
import { expectFailure } from '../support/outcome.js';
import { move, tryToMove } from '../support/pair.js';
import { createGuestRam, fillRandom, MIB, windowOf } from '../support/ram.js';

const seed = testSeed();
const parameters = { multifdChannels: MANY_CHANNELS };

const folder = mkdtempSync(join(tmpdir(), 'multifd-shared-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const lines: FaultyLine[] = [];
afterEach(() => {
  for (const line of lines.splice(0)) line.close();
});

/** To a unix socket the kernel takes a few hundred KiB: a source whose channel is not read notices soon. */
async function lineTo({ address }: { readonly address: string }): Promise<FaultyLine> {
  const line = await FaultyLine.open(address, join(folder, `line-${lines.length}`));
  lines.push(line);
  return line;
}

/** A guest without a zero page. */
function full(mebibytes: number) {
  return createGuestRam({
    seed,
    blocks: [{ name: 'pc.ram', length: mebibytes * MIB }],
    fill: (page, index) => page.fill(1 + (index % 255)),
  });
}

/** Tries it with a method of `late-methods`. @param end who has short limits, and so is the one that notices. */
function broken(name: string, end: 'source' | 'destination') {
  const methodModules = [fixture('late-methods.mjs')];
  return tryToMove({
    guest: { ram: full(64 * MANY_CHANNELS) },
    parameters: { ...parameters, multifdCompression: name },
    source: { methodModules },
    destination: { methodModules },
    [end]: { methodModules, parameters: { stallTimeout: 1000 } },
  });
}

describe(`${MANY_CHANNELS} channels in threads that they share (MULTIFD_SEED=${seed})`, () => {
  it.each<ZeroPageDetection>(['none', 'legacy', 'multifd'])('zero-page-detection=%s', async (detection) => {
    const ram = createGuestRam({ seed, blocks: [{ name: 'pc.ram', length: 200 * MIB }] });
    const { sent } = await move({
      guest: { ram },
      parameters: { ...parameters, zeroPageDetection: detection },
    });
    expect(sent.statistics.channelBytes).toHaveLength(MANY_CHANNELS);
  });

  it('a guest that writes between the rounds', async () => {
    const random = createRandom(seed);
    const ram = createGuestRam({ seed, live: true, blocks: [{ name: 'pc.ram', length: 32 * MIB }] });
    const dirty = new DirtyBitmap(ram.dirty?.[0] ?? new SharedArrayBuffer(0), (32 * MIB) / 4096);
    const block = ram.blocks[0];
    if (block === undefined) throw new Error('no block');
    let rounds = 0;
    const guest: Guest = {
      ram,
      syncDirty() {
        if (++rounds > 12) return;
        for (let count = 0; count < 2000; count++) {
          const page = random.int((32 * MIB) / 4096);
          fillRandom(windowOf(openRamBlockSync(block), page * 4096, 4096), random);
          dirty.mark(page);
        }
      },
      stop() {},
    };
    const { sent } = await move({ guest, parameters: { ...parameters, downtimeLimit: 1 } });
    expect(sent.statistics.dirtySyncCount).toBeGreaterThan(6);
  });

  it('one that is not read any more is named, while others go on', async () => {
    const outcome = await tryToMove({
      guest: { ram: full(200) },
      parameters: { ...parameters, stallTimeout: 2000, idleTimeout: 4000 },
      listening: async (incoming) => {
        const line = await lineTo(incoming);
        void line.link('channel').then(({ near }) => {
          // Behind the first sync, for whose answer a source waits longer.
          near.on('data', () => {
            if (near.bytesRead < MIB) return;
            near.unpipe();
            near.pause();
          });
        });
        return line.address;
      },
    });
    expectFailure(outcome.sent, 'timeout', /^channel \d+: the destination took no byte for 2000 ms$/);
    expectFailure(outcome.received, ['timeout', 'peer-closed']);
  });

  it.each([
    ['prepare-loops-late', /^channel \d+: multifd method prepare-loops-late did not come back/],
    ['prepare-exits-late', /took its thread down.*code 6$/],
  ])('%s in a channel that is not the first of its thread, on the source', async (name, says) => {
    const outcome = await broken(name, 'source');
    expectFailure(outcome.sent, ['codec', 'peer-closed'], /./);
    const error = outcome.sent.ok ? undefined : MultifdError.from(outcome.sent.error, 'internal', 'sent');
    // Its connections went with the thread: the destination's answer may be noticed first.
    if (error?.code === 'codec') expect(error.message).toMatch(says);
    if (name === 'prepare-loops-late') expect(error?.message).toContain(`channel ${availableParallelism()}:`);
  });

  it.each([
    ['recv-loops-late', /^channel \d+: multifd method recv-loops-late did not come back/],
    ['recv-exits-late', /^multifd method recv-exits-late took its thread down: incoming thread .*code 7$/],
  ])('%s in a channel that is not the first of its thread, on the destination', async (name, says) => {
    const outcome = await broken(name, 'destination');
    expectFailure(outcome.received, 'codec', says);
    expectFailure(outcome.sent, ['peer-closed', 'timeout', 'codec']);
  });

  it('cancelled in the middle, each end', async () => {
    for (const end of ['source', 'destination'] as const) {
      const cancel = new AbortController();
      const onEvent = (event: { readonly type: string; readonly status?: string }): void => {
        if (event.type === 'status' && event.status === 'active') cancel.abort();
      };
      const outcome = await tryToMove({
        guest: { ram: full(64) },
        parameters: { ...parameters, maxBandwidth: 16 * MIB },
        [end]: { signal: cancel.signal, onEvent },
      });
      expectFailure(end === 'source' ? outcome.sent : outcome.received, 'cancelled');
    }
  });
});

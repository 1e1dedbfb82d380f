import { readdirSync } from 'node:fs';
import { testSeed } from '@multifd/testing/random';
import { describe, expect, it } from 'vitest';
import { move, tryToMove } from '../support/pair.js';
import { createGuestRam, MIB } from '../support/ram.js';

const seed = testSeed();
const WARM_UP = 15;
const ROUNDS = 50;

function descriptors(): number {
  return readdirSync('/proc/self/fd').length;
}

function threads(): number {
  return readdirSync('/proc/self/task').length;
}

describe('many migrations in a row, good ones and cancelled ones', () => {
  it('leave no descriptor, no thread, no handle and no memory behind', async () => {
    const ram = createGuestRam({ seed, blocks: [{ name: 'pc.ram', length: MIB }] });
    const round = async (index: number): Promise<void> => {
      if (index % 5 < 4) {
        await move({ guest: { ram } });
        return;
      }
      const cancel = new AbortController();
      const onEvent = ({ type }: { readonly type: string }): void => {
        if (type === 'progress') cancel.abort();
      };
      await tryToMove({
        guest: { ram },
        parameters: { maxBandwidth: MIB },
        source: { signal: cancel.signal, onEvent },
      });
    };
    for (let index = 0; index < WARM_UP; index++) await round(index);
    globalThis.gc?.();
    const before = { fds: descriptors(), threads: threads(), rss: process.memoryUsage.rss() };
    const resources = process.getActiveResourcesInfo().length;
    for (let index = 0; index < ROUNDS; index++) await round(index);
    globalThis.gc?.();
    // Sockets close a moment after the migration has settled.
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(descriptors()).toBeLessThanOrEqual(before.fds + 2);
    expect(threads()).toBeLessThanOrEqual(before.threads + 1);
    expect(process.getActiveResourcesInfo().length).toBeLessThanOrEqual(resources + 2);
    // 50 rounds of 5 threads: whatever is kept for each would be far above this.
    expect(process.memoryUsage.rss() - before.rss).toBeLessThan(128 * MIB);
  }, 400_000);
});

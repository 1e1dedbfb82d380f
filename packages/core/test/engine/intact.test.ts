import type { Guest } from '@multifd/core';
import { describe, expect, it } from 'vitest';
import { expectFailure } from '../support/outcome.js';
import { move, tryToMove } from '../support/pair.js';
import { createGuestRam, MIB } from '../support/ram.js';

const ram = createGuestRam({ seed: 1, live: true, blocks: [{ name: 'pc.ram', length: 4 * MIB }] });

/** A guest that says what it is asked for. */
function asked(calls: string[], intact: () => void): Guest {
  const note = (call: string) => () => {
    calls.push(call);
  };
  return {
    ram,
    stop: note('stop'),
    resume: note('resume'),
    syncDirty: () => {},
    intact() {
      calls.push('intact');
      intact();
    },
  };
}

describe("a guest's `intact`", () => {
  it('is asked once, when the guest stands still and before it is handed over', async () => {
    const calls: string[] = [];
    await move({ guest: asked(calls, () => {}) });
    expect(calls).toEqual(['stop', 'intact']);
  });

  it.each([true, false])(
    'that throws fails the migration, and the guest is here, return path %s',
    async (returnPath) => {
      const calls: string[] = [];
      const refuse = (): void => {
        throw new Error('not what was sent');
      };
      const { sent, received } = await tryToMove({ guest: asked(calls, refuse), parameters: { returnPath } });
      const error = expectFailure(sent, 'guest', /intact callback failed: not what was sent/);
      expect(error.guest).toBe('source');
      // The second time, what the error says of the guest depends on it.
      expect(calls).toEqual(['stop', 'intact', 'intact', 'resume']);
      expect(error.hint).toMatch(/^the guest was not handed over, but here it is not as it was/);
      expectFailure(received, ['peer-closed', 'protocol']);
    },
  );
});

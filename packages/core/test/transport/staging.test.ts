import { createRandom } from '@multifd/testing/random';
import { describe, expect, it } from 'vitest';
import { STAGING_SIZE, Staging } from '../../src/transport/staging.js';

const SEED = Number(process.env.MULTIFD_SEED ?? 20261128);

describe('Staging', () => {
  it('begins with what was read before', () => {
    const staging = new Staging(Uint8Array.of(1, 2, 3));
    expect([...staging.peek(2)]).toEqual([1, 2]);
    staging.skip(2);
    expect([staging.length, staging.overflows, staging.wanted]).toEqual([1, false, undefined]);
  });

  it('a pending read is filled in place, and what lies behind it is staged', () => {
    const staging = new Staging(Uint8Array.of(9));
    const memory = new Uint8Array(4);
    expect(staging.begin([memory])).toBe(false);
    expect(staging.target().buffer).toBe(memory.buffer);
    const [direct, behind] = staging.targets();
    direct?.set([8, 7, 6]);
    behind?.set([5, 4]);
    staging.filled(5);
    expect([...memory]).toEqual([9, 8, 7, 6]);
    expect([...staging.peek(2)]).toEqual([5, 4]);
  });

  it(`never loses, repeats or reorders a byte, whoever brings them (seed ${SEED})`, () => {
    const { int } = createRandom(SEED);
    for (let run = 0; run < 100; run++) {
      const staging = new Staging(new Uint8Array(0));
      let sent = 0;
      let seen = 0;
      let pending: Uint8Array | undefined;
      const bytes = (count: number) => Uint8Array.from({ length: count }, () => sent++ & 0xff);
      const check = (got: Uint8Array) => {
        const expected = Uint8Array.from({ length: got.length }, () => seen++ & 0xff);
        if (Buffer.compare(got, expected) !== 0) throw new Error(`run ${run}: wrong bytes before ${seen}`);
      };
      for (let step = 0; step < 60; step++) {
        const kind = int(5);
        if (kind === 0 && !staging.overflows) {
          // A reader that fills the memory it was shown, in one call.
          const targets = staging.targets();
          const room = targets.reduce((sum, target) => sum + target.length, 0);
          const count = int(room + 1);
          let left = bytes(count);
          for (const target of targets) {
            target.set(left.subarray(0, target.length));
            left = left.subarray(Math.min(target.length, left.length));
          }
          staging.filled(count);
        } else if (kind === 1) {
          staging.deliver(bytes(int(2 * STAGING_SIZE)));
        } else if (kind === 2 && pending === undefined) {
          // In pieces, empty ones among them, as the pages of a packet lie.
          const target = new Uint8Array(int(STAGING_SIZE * 2) + 1);
          const pieces: Uint8Array[] = [];
          for (let at = 0; at < target.length; ) {
            const length = int(4) === 0 ? 0 : int(target.length / 2) + 1;
            pieces.push(target.subarray(at, at + length));
            at += length;
          }
          if (staging.begin(pieces)) check(target);
          else pending = target;
        } else if (kind === 3 && pending === undefined) {
          const count = int(staging.length + 1);
          staging.makeRoom(count);
          check(staging.peek(count));
          staging.skip(count);
          staging.rewind();
        } else {
          staging.takeOverflow();
        }
        if (pending !== undefined && staging.wanted === undefined) {
          check(pending);
          pending = undefined;
        }
      }
      expect(seen).toBeLessThanOrEqual(sent);
    }
  });
});

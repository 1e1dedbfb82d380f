import { describe, expect, it } from 'vitest';
import { LineRate } from '../../src/engine/source/line-rate.js';

const MIB = 2 ** 20;

interface Step {
  /** Bytes that have left since the look before. */
  readonly sent: number;
  readonly sending: boolean;
}

/** Looks every 20 ms until the rate is known. */
function rateAfter(
  step: (look: number) => Step,
  looks = 1000,
): { readonly rate: number; readonly ms: number } | undefined {
  const line = new LineRate();
  let bytes = 0;
  for (let look = 0; look < looks; look++) {
    const { sent, sending } = step(look);
    bytes += sent;
    const rate = line.look(20 * look, bytes, sending);
    if (rate !== undefined) return { rate, ms: 20 * look };
  }
  return undefined;
}

describe('the rate of a line', () => {
  it('a line that is always full: what leaves', () => {
    expect(rateAfter(() => ({ sent: 2 * MIB, sending: true }))?.rate).toBeCloseTo(100 * MIB, 0);
  });

  it('a slow one is known after half a second of sending', () => {
    const outcome = rateAfter(() => ({ sent: 1000, sending: true }));
    expect(outcome?.rate).toBeCloseTo(50_000, 0);
    expect(outcome?.ms).toBeLessThan(700);
  });

  it('what fills the buffers at first does not count', () => {
    const outcome = rateAfter((look) => ({ sent: look === 0 ? 64 * MIB : 200_000, sending: true }));
    expect(outcome?.rate).toBeCloseTo(10e6, 0);
  });

  it('time in which nothing was sent is not the line’s, as in a row of zero pages', () => {
    // Headers of zero pages for three seconds, and then data.
    const outcome = rateAfter((look) =>
      look < 150 ? { sent: 4000, sending: false } : { sent: 2 * MIB, sending: true },
    );
    expect(outcome?.rate).toBeCloseTo(100 * MIB, 0);
    expect(rateAfter(() => ({ sent: 4000, sending: false }))).toBeUndefined();
  });

  it('half of the time something else', () => {
    const outcome = rateAfter((look) => ({ sent: 2 * MIB * (look % 2), sending: look % 2 === 1 }));
    expect(outcome?.rate).toBeCloseTo(100 * MIB, -7);
  });

  it('a line that nobody has to wait for takes a great deal', () => {
    expect(rateAfter(() => ({ sent: 10 * MIB, sending: false }))?.rate).toBeGreaterThan(5000 * MIB);
  });

  it('nothing sent, nothing known', () => {
    expect(rateAfter(() => ({ sent: 0, sending: false }))).toBeUndefined();
    expect(rateAfter(() => ({ sent: 0, sending: true }))).toBeUndefined();
  });
});

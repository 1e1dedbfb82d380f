import { describe, expect, it } from 'vitest';
import { API_THREAD, claimFailure, FirstFailure } from '../../src/thread/first-failure.js';

describe('the first failure', () => {
  it('is told first, whoever is heard first', () => {
    const failures = new FirstFailure();
    const [a, b, c] = [failures.newThread(), failures.newThread(), failures.newThread()];
    const told: string[] = [];
    claimFailure(b);
    claimFailure(a);
    failures.hear(a.number, () => told.push('a'));
    failures.hear(API_THREAD, () => told.push('here'));
    expect(told).toEqual([]);
    failures.hear(b.number, () => told.push('b'));
    failures.hear(c.number, () => told.push('c'));
    failures.hear(b.number, () => told.push('b again'));
    expect(told).toEqual(['b', 'a', 'here', 'c', 'b again']);
  });

  it('of a thread that died without a claim, or of the API thread, counts when it is heard', () => {
    for (const number of [API_THREAD, 2]) {
      const failures = new FirstFailure();
      const [dead, other] = [failures.newThread(), failures.newThread()];
      expect(dead.number).toBe(2);
      const told: number[] = [];
      failures.hear(number, () => told.push(number));
      claimFailure(other);
      failures.hear(other.number, () => told.push(other.number));
      expect(told).toEqual([number, other.number]);
    }
  });

  it('that never comes is not waited for without a limit', async () => {
    const failures = new FirstFailure();
    const [silent, other] = [failures.newThread(), failures.newThread()];
    claimFailure(silent);
    await new Promise<void>((resolve) => failures.hear(other.number, resolve));
    const told: string[] = [];
    failures.hear(silent.number, () => told.push('at last'));
    expect(told).toEqual(['at last']);
  });

  it('does not hold anybody back when all is over', () => {
    const failures = new FirstFailure();
    const [first, other] = [failures.newThread(), failures.newThread()];
    claimFailure(first);
    const told: string[] = [];
    failures.hear(other.number, () => told.push('dropped'));
    failures.close();
    failures.hear(other.number, () => told.push('at once'));
    expect(told).toEqual(['at once']);
  });
});

import { describe, expect, it } from 'vitest';
import { AutoConverge } from '../../src/engine/source/auto-converge.js';
import { doesNotConverge, nextStep, paceOf, type RoundEnd } from '../../src/engine/source/convergence.js';
import { MultifdError } from '../../src/errors.js';

const END: RoundEnd = {
  round: 3,
  expected: 1000,
  downtimeLimit: 300,
  maxRounds: 0,
  limitAction: 'fail',
  suspended: false,
};

describe('what comes behind a round of a running guest', () => {
  it.each<[string, Partial<RoundEnd>, string]>([
    ['what is left does not fit', {}, 'round'],
    ['it fits', { expected: 300 }, 'switchover'],
    ['it fits, but the rate is that of one round only', { round: 1, expected: 0 }, 'round'],
    ['no rate is known', { expected: undefined }, 'round'],
    ['the last round but one', { maxRounds: 4 }, 'round'],
    ['the last round', { maxRounds: 3 }, 'give-up'],
    ['the last round, and it fits', { maxRounds: 3, expected: 300 }, 'switchover'],
    ['one round only, and it fits', { round: 1, maxRounds: 1, expected: 300 }, 'switchover'],
    ['one round only, and it does not', { round: 1, maxRounds: 1 }, 'give-up'],
    ['the last round: the guest is to be suspended', { maxRounds: 3, limitAction: 'suspend' }, 'switchover'],
    ['the guest stands still already', { round: 1, suspended: true }, 'switchover'],
  ])('%s', (_what, given, next) => {
    expect(nextStep({ ...END, ...given })).toBe(next);
  });

  it('the error says the rates, and what would help', () => {
    const pace = paceOf({
      dirtyPages: 25_600,
      handledPages: 12_800,
      duration: 1000,
      pageSize: 4096,
    });
    const error = doesNotConverge('3 rounds', pace);
    expect(error).toBeInstanceOf(MultifdError);
    expect(error.code).toBe('timeout');
    expect(error.message).toBe(
      'the migration has not converged within 3 rounds: the guest dirties 100 MiB/s, 50 MiB/s move, and 100 MiB are left',
    );
    expect(error.hint).toMatch(/maxBandwidth.*autoConverge.*downtimeLimit.*limitAction/);
    expect(doesNotConverge('5 ms', { ...pace, dirtyRate: undefined }).message).not.toContain('dirties');
  });
});

describe('auto-converge, by the rule of QEMU', () => {
  const PARAMETERS = {
    cpuThrottleInitial: 20,
    cpuThrottleIncrement: 10,
    maxCpuThrottle: 45,
    throttleTriggerThreshold: 50,
  };
  const fast = { dirtyPages: 60, handledPages: 100, duration: 1000 };

  it('slows down in every second period that is too fast, up to the limit', () => {
    const converge = new AutoConverge(PARAMETERS);
    const seen = Array.from({ length: 12 }, () => [converge.roundOver(fast), converge.percent]);
    expect(seen).toEqual([
      [false, 0],
      [true, 20],
      [false, 20],
      [true, 30],
      [false, 30],
      [true, 40],
      [false, 40],
      [true, 45],
      [false, 45],
      [false, 45],
      [false, 45],
      [false, 45],
    ]);
  });

  it('leaves a guest alone that is slow enough', () => {
    const converge = new AutoConverge(PARAMETERS);
    for (let round = 0; round < 20; round++) converge.roundOver({ ...fast, dirtyPages: 50 });
    expect(converge.percent).toBe(0);
  });

  it('looks at a second at least, however short the rounds are', () => {
    const converge = new AutoConverge(PARAMETERS);
    const short = { dirtyPages: 6, handledPages: 10, duration: 100 };
    const changes = Array.from({ length: 40 }, () => converge.roundOver(short));
    expect(changes.flatMap((changed, index) => (changed ? [index] : []))).toEqual([19, 39]);
  });

  it('a guest that dirties while nothing moves is too fast', () => {
    const converge = new AutoConverge(PARAMETERS);
    converge.roundOver({ dirtyPages: 1, handledPages: 0, duration: 5000 });
    expect(converge.roundOver({ dirtyPages: 1, handledPages: 0, duration: 5000 })).toBe(true);
  });
});

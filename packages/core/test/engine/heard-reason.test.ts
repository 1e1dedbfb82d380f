import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { AwaitedReason, HeardReason } from '../../src/engine/source/heard-reason.js';
import { MultifdError } from '../../src/errors.js';

const closed = new MultifdError('peer-closed', 'channel 0: closed');
const RUNNING = { returnPath: true, guest: 'running' } as const;
const reason = new MultifdError('incompatible', 'the destination says: no');

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('a reason', () => {
  it('explains that a connection ended, for 5 s, and nothing else', () => {
    const heard = new HeardReason();
    expect(heard.explain(closed)).toBe(closed);
    heard.hear(reason);
    const other = new MultifdError('guest', 'stop: no');
    expect(heard.explain(other)).toBe(other);
    vi.advanceTimersByTime(5_000);
    expect(heard.explain(closed)).toBe(reason);
    vi.advanceTimersByTime(1);
    expect(heard.explain(closed)).toBe(closed);
  });
});

describe('the end of a channel', () => {
  const awaiting = () => {
    const decided: MultifdError[] = [];
    return { decided, awaited: new AwaitedReason((error) => decided.push(error)) };
  };

  it.each([
    { guest: 'running', patience: 5_000 },
    { guest: 'stopped', patience: 1_000 },
  ] as const)(
    'is told after $patience ms without a reason while the guest is $guest',
    ({ guest, patience }) => {
      const { decided, awaited } = awaiting();
      awaited.failed(closed, { returnPath: true, guest });
      vi.advanceTimersByTime(patience - 1);
      expect(decided).toEqual([]);
      // Whatever follows from it is not the first.
      awaited.failed(new MultifdError('timeout', 'channel 1: late'), RUNNING);
      vi.advanceTimersByTime(1);
      expect(decided).toEqual([closed]);
    },
  );

  it('is told at once when the reason comes, when it has come, and when main ends or has ended', () => {
    const later = awaiting();
    later.awaited.failed(closed, RUNNING);
    later.awaited.hear(reason);
    expect(later.decided).toEqual([reason]);
    const before = awaiting();
    before.awaited.hear(reason);
    before.awaited.failed(closed, RUNNING);
    expect(before.decided).toEqual([reason]);
    const never = awaiting();
    never.awaited.failed(closed, RUNNING);
    never.awaited.mainEnded();
    expect(never.decided).toEqual([closed]);
    const first = awaiting();
    first.awaited.mainEnded();
    first.awaited.failed(closed, RUNNING);
    expect(first.decided).toEqual([closed]);
    vi.advanceTimersByTime(10_000);
    for (const { decided } of [later, before, never, first]) expect(decided).toHaveLength(1);
  });

  it('is not held back without a return path, nor is any other error', () => {
    const { decided, awaited } = awaiting();
    awaited.failed(closed, { ...RUNNING, returnPath: false });
    const guest = new MultifdError('guest', 'stop: no');
    awaited.failed(guest, RUNNING);
    expect(decided).toEqual([closed, guest]);
  });

  it('is dropped once the migration is over', () => {
    const { decided, awaited } = awaiting();
    awaited.failed(closed, RUNNING);
    awaited.close();
    vi.advanceTimersByTime(10_000);
    expect(decided).toEqual([]);
  });
});

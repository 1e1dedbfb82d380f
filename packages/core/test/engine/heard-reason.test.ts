import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { AwaitedReason, HeardReason } from '../../src/engine/source/heard-reason.js';
import { MultifdError } from '../../src/errors.js';

const closed = new MultifdError('peer-closed', 'channel 0: closed');
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

  it('is told after 1 s without a reason', () => {
    const { decided, awaited } = awaiting();
    awaited.failed(closed, true);
    vi.advanceTimersByTime(999);
    expect(decided).toEqual([]);
    // Whatever follows from it is not the first.
    awaited.failed(new MultifdError('timeout', 'channel 1: late'), true);
    vi.advanceTimersByTime(1);
    expect(decided).toEqual([closed]);
  });

  it('is told at once when the reason comes, when it has come, and when main has ended', () => {
    const later = awaiting();
    later.awaited.failed(closed, true);
    later.awaited.hear(reason);
    expect(later.decided).toEqual([reason]);
    const before = awaiting();
    before.awaited.hear(reason);
    before.awaited.failed(closed, true);
    expect(before.decided).toEqual([reason]);
    const never = awaiting();
    never.awaited.failed(closed, true);
    never.awaited.release();
    expect(never.decided).toEqual([closed]);
    vi.advanceTimersByTime(10_000);
    for (const { decided } of [later, before, never]) expect(decided).toHaveLength(1);
  });

  it('is not held back without a return path, nor is any other error', () => {
    const { decided, awaited } = awaiting();
    awaited.failed(closed, false);
    const guest = new MultifdError('guest', 'stop: no');
    awaited.failed(guest, true);
    expect(decided).toEqual([closed, guest]);
  });

  it('is dropped once the migration is over', () => {
    const { decided, awaited } = awaiting();
    awaited.failed(closed, true);
    awaited.close();
    vi.advanceTimersByTime(10_000);
    expect(decided).toEqual([]);
  });
});

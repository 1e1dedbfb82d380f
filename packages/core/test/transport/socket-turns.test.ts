import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { MultifdError } from '../../src/errors.js';
import type {
  NonBlockingIo,
  NonBlockingSocket,
  Readiness,
  WaitingSocket,
} from '../../src/transport/socket-io.js';
import { SocketTurns, type SocketUse, type Step } from '../../src/transport/socket-turns.js';

/** A socket that nobody reads: what a use of it does is the test's. */
function socket(): NonBlockingSocket {
  return { trySend: () => 0, tryReceive: () => undefined, close() {} };
}

/** Waits as a test says, and notes each wait: how many sockets, for how long. */
class Waits implements NonBlockingIo {
  readonly asked: { readonly sockets: number; readonly timeout: number }[] = [];
  /** What is ready in each wait from now on; afterwards everything is. */
  readonly answers: ((sockets: readonly WaitingSocket[]) => readonly Readiness[])[] = [];

  open = socket;

  waitAny(sockets: readonly WaitingSocket[], _interrupt: number, timeout: number): readonly Readiness[] {
    this.asked.push({ sockets: sockets.length, timeout });
    const answer = this.answers.shift();
    return answer === undefined ? sockets.map(() => 'ready' as const) : answer(sockets);
  }
}

/** An answer of `waitAny`: nobody can go on. */
const never = (sockets: readonly WaitingSocket[]): readonly Readiness[] => sockets.map(() => 'waits');

/** A use that takes these steps, and says what it does. */
function use(steps: readonly Step[], log: string[], name: string, given: Partial<SocketUse> = {}): SocketUse {
  const left = [...steps];
  return {
    socket: socket(),
    sends: true,
    stays: false,
    limit: Number.POSITIVE_INFINITY,
    isOpen: () => true,
    step() {
      const step = left.shift() ?? 'done';
      log.push(`${name} ${step}`);
      return step;
    },
    ...given,
  };
}

function turns(running: number): { io: Waits; turns: SocketTurns; log: string[] } {
  const io = new Waits();
  return { io, turns: SocketTurns.of({ running, areShared: true }, io, 1), log: [] };
}

describe('sockets that share a thread', () => {
  it('what can be done at once waits for nothing', async () => {
    const { io, turns: all, log } = turns(2);
    await all.run(use(['done'], log, 'a'));
    expect(log).toEqual(['a done']);
    expect(io.asked).toEqual([]);
  });

  it('block their thread when every job waits for one, and until one job is done', async () => {
    const { io, turns: all, log } = turns(2);
    io.answers.push(
      () => ['ready', 'waits'],
      () => ['waits', 'ready'],
    );
    const ended = [
      all.run(use(['waits', 'moved', 'done'], log, 'a')).then(() => log.push('a ended')),
      all.run(use(['waits', 'done'], log, 'b')).then(() => log.push('b ended')),
    ];
    await Promise.all(ended);
    // The second wait follows the first at once, as nobody was done: no turn of the event loop between them.
    expect(log).toEqual(['a waits', 'b waits', 'a moved', 'b done', 'b ended', 'a done', 'a ended']);
    expect(io.asked.slice(0, 2)).toEqual([
      { sockets: 2, timeout: Number.POSITIVE_INFINITY },
      { sockets: 2, timeout: Number.POSITIVE_INFINITY },
    ]);
    // The job of b goes on with something else.
    expect(io.asked[2]).toEqual({ sockets: 1, timeout: 1 });
  });

  it('leave the event loop its turns while one job waits for something else', async () => {
    const { io, turns: all, log } = turns(2);
    let loops = 0;
    const loop = (): void => {
      loops++;
      if (!log.includes('a done')) setImmediate(loop);
    };
    setImmediate(loop);
    io.answers.push(never, never, never, never, never);
    await all.run(use(['waits', 'done'], log, 'a'));
    expect(io.asked.map(({ timeout }) => timeout)).toEqual([1, 1, 1, 1, 1, 1]);
    expect(loops).toBeGreaterThanOrEqual(5);
  });

  it('take turns, also if one could always go on', async () => {
    const { turns: all, log } = turns(2);
    const busy = (async () => {
      for (let count = 0; !log.includes('b ended'); count++) {
        // Far more than any thread needs to let others go on.
        if (count > 5_000_000) throw new Error('b had no turn');
        await all.run(use(['done'], [], 'a'));
      }
    })();
    await Promise.all([busy, all.run(use(['waits', 'done'], log, 'b')).then(() => log.push('b ended'))]);
  });

  it('it is not always the same that goes first', async () => {
    const { turns: all, log } = turns(3);
    const ready = async (name: string): Promise<void> => {
      for (let count = 0; count < 4; count++) await all.run(use(['waits', 'done'], log, name));
    };
    await Promise.all(['a', 'b', 'c'].map(ready));
    const done = log.filter((line) => line.endsWith('done')).map((line) => line.charAt(0));
    const firsts = [0, 3, 6, 9].map((at) => done[at]);
    expect(new Set(firsts).size).toBeGreaterThan(1);
  });

  it('a second call for a socket that is waited for is refused', async () => {
    const { turns: all, log } = turns(2);
    const one = use(['waits', 'done'], log, 'a');
    const first = all.run(one);
    await expect(all.run(one)).rejects.toMatchObject({ code: 'internal' });
    await first;
  });

  it('give up one that does not move in time, and only that one', async () => {
    const { io, turns: all, log } = turns(2);
    for (let count = 0; count < 3; count++) io.answers.push(never);
    const late = all.run(use(['waits'], log, 'a', { limit: 0 }));
    const other = all.run(use(['waits', 'done'], log, 'b'));
    await expect(late).rejects.toMatchObject({ code: 'timeout', message: 'not a byte moved in time' });
    await other;
    expect(io.asked[0]).toEqual({ sockets: 2, timeout: 0 });
  });

  it('a byte that moves gives it its time again', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    onTestFinished(() => void vi.useRealTimers());
    const { io, turns: all, log } = turns(1);
    const after = (ms: number, answer: Readiness) => (): readonly Readiness[] => {
      vi.advanceTimersByTime(ms);
      return [answer];
    };
    io.answers.push(after(30, 'ready'), after(30, 'waits'), after(10, 'ready'));
    await all.run(use(['waits', 'moved', 'done'], log, 'a', { limit: 50 }));
    expect(log).toEqual(['a waits', 'a moved', 'a done']);
    io.answers.push(after(30, 'ready'), after(51, 'waits'));
    const late = all.run(use(['waits', 'moved', 'done'], log, 'a', { limit: 50 }));
    await expect(late).rejects.toMatchObject({ code: 'timeout' });
  });

  it('all end when the wait is interrupted, or fails', async () => {
    const { io, turns: all, log } = turns(2);
    io.answers.push(() => {
      throw new MultifdError('cancelled', 'cancelled');
    });
    const both = [all.run(use(['waits'], log, 'a')), all.run(use(['waits'], log, 'b'))];
    for (const each of both) await expect(each).rejects.toMatchObject({ code: 'cancelled' });
  });

  it('one that fails is no failure of the others', async () => {
    const { turns: all, log } = turns(2);
    const failing = use([], log, 'a', {
      step: (() => {
        let steps = 0;
        return () => {
          if (steps++ > 0) throw new MultifdError('peer-closed', 'gone');
          return 'waits';
        };
      })(),
    });
    const both = [all.run(failing), all.run(use(['waits', 'done'], log, 'b'))];
    await expect(both[0]).rejects.toMatchObject({ code: 'peer-closed' });
    await both[1];
  });

  it('nothing waits for a descriptor that was closed: it may be another file by now', async () => {
    const { io, turns: all, log } = turns(2);
    let isOpen = true;
    const closed = use([], log, 'a', {
      isOpen: () => isOpen,
      step() {
        if (!isOpen) throw new MultifdError('peer-closed', 'closed');
        return 'waits';
      },
    });
    const both = [all.run(closed), all.run(use(['waits', 'done'], log, 'b'))];
    isOpen = false;
    await expect(both[0]).rejects.toMatchObject({ code: 'peer-closed' });
    await both[1];
    expect(io.asked).toEqual([{ sockets: 1, timeout: 1 }]);
  });

  it('one whose peer is gone fails, with its own error if it has one', async () => {
    const { io, turns: all, log } = turns(3);
    io.answers.push(() => ['gone', 'gone', 'ready']);
    const failing = use(['waits'], log, 'b');
    const step = failing.step.bind(failing);
    const own = {
      ...failing,
      step() {
        if (log.includes('b waits')) throw new MultifdError('peer-closed', 'ECONNRESET');
        return step();
      },
    };
    const each = [
      all.run(use(['waits', 'waits'], log, 'a')),
      all.run(own),
      all.run(use(['waits', 'done'], log, 'c')),
    ];
    await expect(each[0]).rejects.toMatchObject({ code: 'peer-closed', message: /has closed/ });
    await expect(each[1]).rejects.toMatchObject({ code: 'peer-closed', message: 'ECONNRESET' });
    await each[2];
  });

  it('one that stays keeps the thread while its peer keeps up', async () => {
    const { io, turns: all, log } = turns(2);
    const staying = use(['waits', 'waits', 'moved', 'moved', 'done'], log, 'a', { stays: true });
    await Promise.all([all.run(staying), all.run(use(['waits', 'done'], log, 'b'))]);
    expect(log).toEqual(['a waits', 'a waits', 'a moved', 'a moved', 'a done', 'b waits', 'b done']);
    // It alone was waited for.
    expect(io.asked.slice(0, 4)).toEqual(Array(4).fill({ sockets: 1, timeout: 1 }));
  });

  it('one that stays does not keep the thread for a peer that does not keep up', async () => {
    const { io, turns: all, log } = turns(2);
    // It is waited for alone, in vain; with b; alone after it has moved, in vain; with b again.
    io.answers.push(
      () => ['waits'],
      () => ['ready', 'waits'],
      () => ['waits'],
      () => ['waits', 'ready'],
    );
    const staying = use(['waits', 'moved', 'done'], log, 'a', { stays: true });
    await Promise.all([all.run(staying), all.run(use(['waits', 'done'], log, 'b'))]);
    expect(io.asked.map(({ sockets }) => sockets)).toEqual([1, 2, 1, 2, 1]);
    expect(log.indexOf('b done')).toBeLessThan(log.indexOf('a done'));
  });

  it('a wait ends when its socket is closed here', async () => {
    const { io, turns: all, log } = turns(2);
    const dropped = use(['waits'], log, 'a');
    const ended = all.run(dropped);
    all.drop(dropped.socket);
    await expect(ended).rejects.toMatchObject({ code: 'cancelled' });
    await sleep(1);
    expect(io.asked).toEqual([]);
  });
});

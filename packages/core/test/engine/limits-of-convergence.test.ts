import { DirtyBitmap, type Guest, migrate, type RoundStatistics, type SourceEvent } from '@multifd/core';
import { testSeed } from '@multifd/testing/random';
import { afterEach, describe, expect, it } from 'vitest';
import { PLAIN } from '../support/fixtures.js';
import { expectFailure, outcomeOf } from '../support/outcome.js';
import { move, tryToMove } from '../support/pair.js';
import { createGuestRam, MIB } from '../support/ram.js';
import { type RunningGuest, startGuest } from '../support/vcpu.js';

const seed = testSeed();
const started: RunningGuest[] = [];

afterEach(async () => {
  await Promise.all(started.splice(0).map((running) => running.end()));
});

/** A guest that dirties all of its 16 MiB within each round of the line that it gets. */
async function startFast(): Promise<RunningGuest> {
  const running = await startGuest(16 * MIB, 400, seed);
  started.push(running);
  return running;
}

const SLOW = { maxBandwidth: 16 * MIB, downtimeLimit: 1 };

describe(`a guest that dirties faster than the line (MULTIFD_SEED=${seed})`, () => {
  it('fails at maxRounds and runs on; then another migration may suspend it', async () => {
    const running = await startFast();
    const rounds: number[] = [];
    const moved = await tryToMove({
      guest: running.guest,
      parameters: { ...SLOW, maxRounds: 2 },
      source: { onEvent: (event) => event.type === 'round' && rounds.push(event.round.round) },
    });
    expectFailure(moved.sent, 'timeout', /not converged within 2 rounds: the guest dirties \d.*MiB\/s/);
    expect(rounds).toEqual([1, 2]);
    expect(running.calls).toEqual([]);
    expect(running.isStopped()).toBe(false);
    const { sent } = await move({
      guest: running.guest,
      parameters: { ...SLOW, maxRounds: 2, limitAction: 'suspend' },
    });
    expect(running.calls).toEqual(['stop']);
    // Setup, the two, and the last.
    expect(sent.statistics.dirtySyncCount).toBe(4);
    expect(sent.statistics.downtime).toBeGreaterThan(SLOW.downtimeLimit);
  });

  it('fails at timeout in the middle of a round, and runs on', async () => {
    const running = await startFast();
    const moved = await tryToMove({
      guest: running.guest,
      // The first round alone takes 16 seconds.
      parameters: { ...SLOW, maxBandwidth: MIB, timeout: 1500 },
    });
    expectFailure(moved.sent, 'timeout', /not converged within 1500 ms: .* are left/);
    expect(running.calls).toEqual([]);
  });

  it('is suspended at timeout in the middle of a round, once, and arrives whole', async () => {
    const running = await startFast();
    const { sent } = await move({
      guest: running.guest,
      parameters: { ...SLOW, maxBandwidth: 8 * MIB, timeout: 700, limitAction: 'suspend' },
    });
    expect(running.calls).toEqual(['stop']);
    // The first round was under way; what it had missed went in the last.
    expect(sent.statistics.dirtySyncCount).toBe(3);
    const { downtime = 0, downtimeParts } = sent.statistics;
    expect(downtime).toBeGreaterThan(700);
    const { stop, lastRound, deviceState, commit } = downtimeParts ?? {};
    expect((stop ?? 0) + (lastRound ?? 0) + (deviceState ?? 0) + (commit ?? 0)).toBeCloseTo(downtime, 3);
    expect(Math.min(stop ?? -1, lastRound ?? -1, deviceState ?? -1)).toBeGreaterThanOrEqual(0);
  });

  it('autoConverge slows it down until it fits, and a failure lets it run at full speed again', async () => {
    const running = await startFast();
    const throttled: number[] = [];
    const events: SourceEvent[] = [];
    const guest: Guest = {
      ...running.guest,
      throttle: (percent) => {
        throttled.push(percent);
        running.throttle(percent);
      },
    };
    const parameters = { maxBandwidth: 32 * MIB, downtimeLimit: 200, autoConverge: true };
    const { sent } = await move({
      guest,
      parameters: { ...parameters, cpuThrottleInitial: 60, cpuThrottleIncrement: 39 },
      source: { onEvent: (event) => events.push(event) },
    });
    expect(throttled[0]).toBe(60);
    expect(sent.statistics.cpuThrottlePercentage).toBe(throttled.at(-1));
    expect(events.flatMap((event) => (event.type === 'throttled' ? [event.percent] : []))).toEqual(throttled);
    expect(running.calls).toEqual(['stop']);
  });

  it('throttle ends with the migration that fails', async () => {
    const running = await startFast();
    const throttled: number[] = [];
    const guest: Guest = { ...running.guest, throttle: (percent) => void throttled.push(percent) };
    const moved = await tryToMove({
      guest,
      parameters: { ...SLOW, autoConverge: true, maxRounds: 12 },
    });
    expectFailure(moved.sent, 'timeout');
    // It was told, and does not listen: at the end it is told to run at full speed.
    expect(throttled[0]).toBe(20);
    expect(throttled.at(-1)).toBe(0);
  });

  it('a callback that throws ends the migration, and is not called again', async () => {
    const running = await startFast();
    const guest: Guest = {
      ...running.guest,
      throttle: (percent) => {
        if (percent > 0) throw new Error('no such processor');
      },
    };
    const moved = await tryToMove({ guest, parameters: { ...SLOW, autoConverge: true } });
    expectFailure(moved.sent, 'guest', /throttle callback failed: no such processor/);
    expect(running.isStopped()).toBe(false);
  });
});

describe('limits of a guest that does not dirty anything', () => {
  it('at rest: timeout ends it, and suspend has nothing to do', async () => {
    const ram = createGuestRam({
      seed,
      fill: (page) => page.fill(1),
      blocks: [{ name: 'pc.ram', length: 4 * MIB }],
    });
    const parameters = { maxBandwidth: 2 * MIB, timeout: 500 };
    // On a busy machine it ends before the destination has heard of it.
    const moved = await tryToMove({ guest: { ram }, parameters, waitsOn: true });
    expectFailure(moved.sent, 'timeout', /within 500 ms/);
    await move({ guest: { ram }, parameters: { ...parameters, limitAction: 'suspend' } });
  });

  it('a migration that ends in time notices no limit', async () => {
    const ram = createGuestRam({ seed, live: true });
    const dirty = new DirtyBitmap(ram.dirty?.[0] ?? new SharedArrayBuffer(0), 2048);
    let looks = 0;
    await move({
      guest: { ram, syncDirty: () => void (looks++ === 0 && dirty.mark(1)) },
      parameters: { maxRounds: 2, timeout: 60_000 },
    });
  });

  it('autoConverge without the callback is refused at once', async () => {
    const ram = createGuestRam({ seed, live: true });
    const sent = migrate({
      guest: { ram },
      to: 'tcp:127.0.0.1:1',
      accelerator: PLAIN,
      parameters: { autoConverge: true },
    });
    expectFailure(await outcomeOf(sent, 'migrate'), 'usage', /guest\.throttle is not given/);
  });
});

describe('a guest below the rate of the line', () => {
  it('ten of ten are stopped when the rest fits into downtimeLimit, and it does', async () => {
    const running = await startGuest(4 * MIB, 1, seed);
    started.push(running);
    const parameters = { maxBandwidth: 32 * MIB, downtimeLimit: 100 };
    for (let run = 0; run < 10; run++) {
      const rounds: RoundStatistics[] = [];
      const { sent } = await move({
        guest: running.guest,
        parameters,
        source: { onEvent: (event) => void (event.type === 'round' && rounds.push(event.round)) },
      });
      expect(sent.statistics.expectedDowntime).toBeLessThanOrEqual(parameters.downtimeLimit);
      const last = rounds.at(-1);
      const atTheRate = (1000 * (last?.bytes ?? Number.NaN)) / parameters.maxBandwidth;
      expect(atTheRate).toBeLessThanOrEqual(parameters.downtimeLimit);
      await running.guest.resume?.();
    }
    expect(running.calls.filter((call) => call === 'stop')).toHaveLength(10);
  });
});

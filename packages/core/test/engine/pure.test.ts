import { describe, expect, it } from 'vitest';
import type { MigrationStatus } from '../../src/engine/api.js';
import { expectedDowntime, isStalled } from '../../src/engine/source/convergence.js';
import { StatusMachine } from '../../src/engine/status.js';
import { MultifdError } from '../../src/errors.js';
import { DestinationControl } from '../../src/recv/control.js';
import { SourceControl } from '../../src/send/control.js';
import { Counters } from '../../src/thread/counters.js';
import { formatAddress, parseAddress } from '../../src/transport/address.js';
import { BandwidthLimit } from '../../src/transport/bandwidth.js';
import { inTime } from '../support/outcome.js';

/** A channel whose packets have no number. */
const NUMBERS = { count: 1, renumbered: 0, sum: 0, hash: 0, last: 0 };

describe('expectedDowntime', () => {
  const round = { handledPages: 1000, dirtyPages: 100, duration: 1000, pageSize: 4096, maxBandwidth: 0 };
  it.each([
    ['a tenth of what a second handled', round, 100],
    ['nothing dirty', { ...round, dirtyPages: 0, handledPages: 0 }, 0],
    ['no rate known', { ...round, handledPages: 0 }, undefined],
    ['the limit is below the rate', { ...round, maxBandwidth: 409_600 }, 1000],
    ['the limit is above the rate', { ...round, maxBandwidth: 1e12 }, 100],
    ['a guest of 64 TiB', { ...round, dirtyPages: 2 ** 34 }, 2 ** 34],
  ])('%s', (_what, figures, expected) => {
    const got = expectedDowntime(figures);
    if (expected === undefined) expect(got).toBeUndefined();
    else expect(got).toBeCloseTo(expected, 6);
  });

  it('a round in no time has a rate all the same', () => {
    expect(expectedDowntime({ ...round, duration: 0 })).toBeGreaterThan(0);
  });

  it('is stalled when as much is dirty as was handled, and it does not fit', () => {
    expect(isStalled({ ...round, dirtyPages: 950 }, 950, 300)).toBe(true);
    expect(isStalled({ ...round, dirtyPages: 950 }, 950, 1000)).toBe(false);
    expect(isStalled({ ...round, dirtyPages: 800 }, 800, 300)).toBe(false);
    expect(isStalled({ ...round, dirtyPages: 1000 }, undefined, 300)).toBe(true);
  });
});

describe('BandwidthLimit', () => {
  it('lets each of several senders wait for its turn', () => {
    const limit = BandwidthLimit.allocate(1000);
    const other = new BandwidthLimit(limit.buffer);
    const now = 10n ** 15n;
    // The first one may catch up on 15 ms.
    expect(limit.reserve(500, now).wait).toBe(0);
    expect(other.reserve(1000, now).wait).toBe(485);
    expect(limit.reserve(1, now).wait).toBe(1485);
    // What was not used is not saved up beyond that.
    expect(limit.reserve(1000, now + 10_000_000_000n).wait).toBe(0);
    expect(limit.reserve(1000, now + 10_000_000_000n).wait).toBe(985);
  });

  it('may change: whoever waits asks again, at the new rate', () => {
    const limit = BandwidthLimit.allocate(1000);
    const now = 10n ** 15n;
    limit.reserve(1_000_000, now);
    const turn = limit.reserve(1000, now);
    expect(turn.wait).toBe(999_985);
    expect(limit.isStale(turn)).toBe(false);
    new BandwidthLimit(limit.buffer).change(2000);
    expect(limit.isStale(turn)).toBe(true);
    expect(limit.bytesPerSecond).toBe(2000);
    expect(limit.reserve(1000, now).wait).toBe(0);
    expect(limit.reserve(1000, now).wait).toBe(485);
    limit.change(0);
    expect(limit.reserve(1000, now).wait).toBe(0);
  });

  it('0 is unlimited', () => {
    const limit = BandwidthLimit.allocate(0);
    for (let count = 0; count < 10; count++) expect(limit.reserve(2 ** 40, 1n).wait).toBe(0);
  });
});

describe('StatusMachine', () => {
  it('takes the way of a migration, and tells each step', () => {
    const told: string[] = [];
    const status = new StatusMachine((step) => told.push(step));
    for (const step of ['setup', 'active', 'device', 'completed'] as const) status.to(step);
    expect(told).toEqual(['setup', 'active', 'device', 'completed']);
    expect(status.isOver).toBe(true);
  });

  it.each([
    [['setup', 'completed']],
    [['setup', 'active', 'device', 'completed', 'failed']],
    [['setup', 'failed', 'cancelling']],
    [['setup', 'cancelling', 'failed']],
    [['active']],
    [['setup', 'active', 'setup']],
  ] as const)('refuses %j', (steps) => {
    const status = new StatusMachine(() => {});
    const walk = (way: readonly MigrationStatus[]): void => {
      for (const step of way) status.to(step);
    };
    walk(steps.slice(0, -1));
    expect(() => walk(steps.slice(-1))).toThrow(/cannot go from/);
  });
});

describe('Counters', () => {
  it('rows are apart, and exact beyond 2^32', () => {
    const counters = Counters.allocate(3);
    const row = counters.row(1);
    for (let count = 0; count < 5; count++) row.addBytes(2 ** 40 + 1);
    row.addPages(3, 4, 5);
    const seen = new Counters(counters.buffer).row(1);
    expect([seen.bytes, seen.normal, seen.zero, seen.untouched]).toEqual([5 * 2 ** 40 + 5, 3, 4, 5]);
    expect(counters.row(0).bytes + counters.row(2).bytes).toBe(0);
  });
});

describe('addresses', () => {
  it.each([
    ['tcp:127.0.0.1:4444', 'tcp:127.0.0.1:4444'],
    ['tcp:4444', 'tcp:127.0.0.1:4444'],
    ['tcp::4444', 'tcp:127.0.0.1:4444'],
    ['tcp:[::1]:80', 'tcp:[::1]:80'],
    ['tcp:host.name:0', 'tcp:host.name:0'],
    ['unix:/a b/c:d', 'unix:/a b/c:d'],
    // As QEMU's own documents write it, and loopback's short forms.
    ['tcp:0:4444', 'tcp:0:4444'],
    ['tcp:127.1:4444', 'tcp:127.1:4444'],
    ['tcp:1.example:4444', 'tcp:1.example:4444'],
    [`unix:${'x'.repeat(107)}`, `unix:${'x'.repeat(107)}`],
  ])('%s', (text, canonical) => {
    expect(formatAddress(parseAddress(text))).toBe(canonical);
  });

  it.each([
    ['tcp:127.0.0.999:0', /: 127\.0\.0\.999 is no IPv4 address/, /four numbers from 0 to 255/],
    ['tcp:1.2.3:5', /: 1\.2\.3 is no IPv4 address/, /four numbers/],
    ['tcp:1.2.3.4.5:6', /is no IPv4 address/, /four numbers/],
    ['tcp:1.2.3.4.:5', /is no IPv4 address/, /four numbers/],
    ['tcp:127.0.0.01:5', /is no IPv4 address/, /without zeros in front/],
    ['tcp:127.999.1:5', /is no IPv4 address/, /four numbers/],
    ['tcp:2130706433:5', /is no IPv4 address/, /four numbers/],
    ['tcp:[::g]:5', /: ::g is no IPv6 address/, /tcp:\[::1\]:4444/],
    ['tcp:[localhost]:5', /: localhost is no IPv6 address/, /goes without/],
    ['tcp:host:99999', /the port must be 0 to 65535/, /tcp:HOST:PORT/],
    ['unix:', /no path/, /unix:PATH/],
    [`unix:${'x'.repeat(108)}`, /the path is longer than 107 bytes/, /shorter path/],
  ])('%s is refused without asking anybody', (text, says, hint) => {
    try {
      parseAddress(text);
    } catch (error) {
      if (!MultifdError.is(error)) throw error;
      expect(error).toMatchObject({ code: 'usage', message: expect.stringMatching(says) });
      expect(error.hint).toMatch(hint);
      return;
    }
    throw new Error('it was accepted');
  });
});

describe('SourceControl', () => {
  it('gives each range to one, waits for all, and ends', async () => {
    const control = SourceControl.allocate();
    const other = new SourceControl(control.buffer);
    const epoch = control.openEpoch(3, 1, false);
    expect(await other.epochOpens(1)).toBe(true);
    expect([control.claim(), other.claim(), control.claim(), other.claim()]).toEqual([0, 1, 2, undefined]);
    expect(other.isReady(0)).toBe(true);
    expect(other.isReady(1)).toBe(false);
    const ready = other.rangeReady(2);
    control.raiseReady(3);
    await inTime(ready, 'ready');
    const arrived = control.allArrived(epoch, 2);
    control.arrive();
    other.arrive();
    await inTime(arrived, 'arrived');
    const next = other.epochOpens(2);
    control.finish();
    expect(await inTime(next, 'the next epoch')).toBe(false);
    expect([0, 1, 2].map(() => control.nextPacketNumber())).toEqual([0, 1, 2]);
  });

  it('abort ends every wait', async () => {
    const control = SourceControl.allocate();
    const waits = [control.epochOpens(1), control.rangeReady(0), control.allArrived(1, 2)];
    control.abort();
    for (const wait of waits) {
      const error: unknown = await inTime(
        wait.then(
          () => undefined,
          (cause: unknown) => cause,
        ),
        'a wait',
      );
      expect(MultifdError.is(error) && error.code).toBe('cancelled');
    }
  });
});

describe('DestinationControl', () => {
  it('main passes a cut when all channels have reached it, and only then they go on', async () => {
    const control = DestinationControl.allocate(2);
    const order: string[] = [];
    const log = (what: string) => (): void => void order.push(what);
    const main = control.passSync(1).then(log('main'));
    const first = control.reachSync(0, 1, NUMBERS).then(log('channel 0'));
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(order).toEqual([]);
    const second = control.reachSync(1, 1, NUMBERS).then(log('channel 1'));
    await inTime(Promise.all([main, first, second]), 'the cut');
    expect(order[0]).toBe('main');
  });

  it('a channel that closes before its sync ends the wait; one that closes after does not', async () => {
    const control = DestinationControl.allocate(2);
    const reached = [control.reachSync(0, 1, NUMBERS), control.reachSync(1, 1, NUMBERS)];
    await inTime(Promise.all([control.passSync(1), ...reached]), 'cut 1');
    control.close(0);
    const cut = control.passSync(2);
    await expect(inTime(cut, 'cut 2')).rejects.toThrow(/channel 0: the source closed it before sync 2/);
  });

  it('at the end a surplus sync waits for nobody', async () => {
    const control = DestinationControl.allocate(1);
    const surplus = control.reachSync(0, 1, NUMBERS);
    control.end();
    expect(await inTime(surplus, 'the surplus sync')).toBe(false);
  });
});

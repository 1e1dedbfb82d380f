import type { Guest } from '@multifd/core';
import { testSeed } from '@multifd/testing/random';
import { afterEach, describe, expect, it } from 'vitest';
import { FAULTS, FaultyLine } from '../support/faulty-line.js';
import { host, MANY_CHANNELS } from '../support/host.js';
import { expectFailure } from '../support/outcome.js';
import { move, tryToMove } from '../support/pair.js';
import { copyOfRam, createGuestRam, expectSameRam, MIB } from '../support/ram.js';

const seed = testSeed();
/** Small limits, for faults that only a limit can notice. A host package's sockets are tried in threads that channels share. */
const parameters = {
  stallTimeout: 2500,
  idleTimeout: 2500,
  ...(host.socketIo === undefined ? {} : { multifdChannels: MANY_CHANNELS }),
};

const proxies: FaultyLine[] = [];
afterEach(() => {
  for (const proxy of proxies.splice(0)) proxy.close();
});

interface Watched {
  readonly guest: Guest;
  readonly calls: string[];
}

/** A guest without a vCPU that is taken for a running one. */
function watchedGuest(onStop: () => void | Promise<void> = () => {}): Watched {
  const calls: string[] = [];
  const ram = createGuestRam({ seed, live: true, blocks: [{ name: 'pc.ram', length: 12 * MIB }] });
  const guest: Guest = {
    ram,
    async stop() {
      calls.push('stop');
      await onStop();
    },
    resume() {
      calls.push('resume');
    },
  };
  return { guest, calls };
}

type State = 'setup' | 'active' | 'device';

/** Lets `act` happen in `state`, and says how both ends ended. */
async function disturb(state: State, act: (proxy: FaultyLine) => Promise<void>) {
  let proxy: FaultyLine | undefined;
  let acted: Promise<void> | undefined;
  const now = (): Promise<void> => {
    if (proxy !== undefined) acted ??= act(proxy);
    return acted ?? Promise.resolve();
  };
  const watched = watchedGuest(async () => {
    if (state !== 'device') return;
    await now();
    await new Promise((resolve) => setTimeout(resolve, 30));
  });
  // In setup the destination may not have seen enough of the source to know it for one: then it waits for another.
  const waits = state === 'setup' ? new AbortController() : undefined;
  // Before a destination has begun it rightly goes on waiting: a link that freezes then ends nothing there.
  let destinationBegan = false;
  const outcome = await tryToMove({
    guest: watched.guest,
    destination: {
      ...(waits === undefined ? {} : { signal: waits.signal }),
      onEvent: (event) => {
        if (event.type === 'status' && event.status === 'active') destinationBegan = true;
      },
    },
    sent: () => setTimeout(() => waits?.abort(), 1000),
    // Slow enough that the fault comes in the middle of it.
    parameters: {
      ...parameters,
      ...(state === 'device' ? {} : { maxBandwidth: 4 * MIB }),
    },
    source: {
      onEvent: (event) => {
        if (state === 'active' && event.type === 'progress' && destinationBegan) void now();
      },
    },
    listening: async (incoming) => {
      proxy = await FaultyLine.open(incoming.address);
      proxies.push(proxy);
      if (state === 'setup') void now();
      return proxy.address;
    },
  });
  await acted;
  return { outcome, ...watched };
}

describe('a fault ends both ends, and the same guest goes elsewhere at once', () => {
  for (const state of ['setup', 'active', 'device'] as const) {
    for (const [fault, act] of Object.entries(FAULTS)) {
      it(`${fault}, in ${state}`, async () => {
        const { outcome, guest, calls } = await disturb(state, act);
        const before = copyOfRam(guest.ram);
        expectFailure(outcome.sent, ['peer-closed', 'protocol', 'timeout']);
        const ends = ['peer-closed', 'protocol', 'timeout', 'incompatible'] as const;
        expectFailure(outcome.received, state === 'setup' ? [...ends, 'cancelled'] : ends);
        expect(calls.filter((call) => call === 'resume')).toHaveLength(
          calls.filter((call) => call === 'stop').length,
        );
        if (state === 'device') expect(calls).toEqual(['stop', 'resume']);
        else expect(calls).toEqual([]);
        const { received } = await move({ guest });
        expectSameRam(received.ram, before);
        expect(calls.at(-1)).toBe('stop');
      });
    }
  }

  it('a link that carries nothing any more', async () => {
    const { outcome, guest, calls } = await disturb('active', async (proxy) => {
      await proxy.link('main');
      for (const { near, far } of proxy.links) {
        near.unpipe();
        far.unpipe();
        near.pause();
        far.pause();
      }
    });
    expectFailure(outcome.sent, 'timeout');
    expectFailure(outcome.received, ['timeout', 'peer-closed']);
    // All of it may fit into the kernel's buffers, so that only the last word is missing.
    expect(['', 'stop resume']).toContain(calls.join(' '));
    await move({ guest });
  });
});

describe('cancelling', () => {
  const ends = ['source', 'destination'] as const;
  for (const end of ends) {
    for (const state of ['setup', 'active', 'device'] as const) {
      it(`on the ${end} in ${state}, twice`, async () => {
        const cancel = new AbortController();
        // Cancelled in setup, the source may not have been seen for one: then the destination waits for another.
        const waits = new AbortController();
        const statuses: string[] = [];
        const reason = new Error('the operator changed her mind');
        const watched = watchedGuest();
        const onEvent = (event: { readonly type: string; readonly status?: string }): void => {
          if (event.type !== 'status' || event.status === undefined) return;
          statuses.push(event.status);
          if (event.status !== state) return;
          cancel.abort(reason);
          cancel.abort();
        };
        const own = { signal: cancel.signal, onEvent };
        const outcome = await tryToMove({
          guest: watched.guest,
          parameters: { ...parameters, ...(state === 'device' ? {} : { maxBandwidth: 8 * MIB }) },
          source: end === 'source' ? own : {},
          destination: end === 'destination' ? own : { signal: waits.signal },
          sent: () => void setTimeout(() => waits.abort(), 1500),
        });
        const [cancelled, other] =
          end === 'source' ? [outcome.sent, outcome.received] : [outcome.received, outcome.sent];
        expect(expectFailure(cancelled, 'cancelled', /cancelled/).cause).toBe(reason);
        expectFailure(other, ['peer-closed', 'io', 'timeout', 'cancelled']);
        expect(statuses.slice(-2)).toEqual(['cancelling', 'cancelled']);
        const stops = watched.calls.filter((call) => call === 'stop').length;
        expect(watched.calls.filter((call) => call === 'resume')).toHaveLength(stops);
        await move({ guest: watched.guest });
      });
    }

    it(`on the ${end} before it begins`, async () => {
      const watched = watchedGuest();
      const own = { signal: AbortSignal.abort('not today') };
      const outcome = await tryToMove({
        guest: watched.guest,
        parameters,
        source: end === 'source' ? own : {},
        ...(end === 'destination' ? { destination: own } : { waitsOn: true }),
      });
      const error = expectFailure(end === 'source' ? outcome.sent : outcome.received, 'cancelled');
      expect(error.cause).toBe('not today');
      expect(watched.calls).toEqual([]);
      await move({ guest: watched.guest });
    });
  }

  it('while the guest is being stopped: it is stopped, then resumed', async () => {
    const cancel = new AbortController();
    const watched = watchedGuest(async () => {
      cancel.abort();
      await new Promise((resolve) => setTimeout(resolve, 300));
      watched.calls.push('stopped');
    });
    const outcome = await tryToMove({ guest: watched.guest, source: { signal: cancel.signal } });
    expectFailure(outcome.sent, 'cancelled');
    expectFailure(outcome.received, 'peer-closed');
    expect(watched.calls).toEqual(['stop', 'stopped', 'resume']);
  });

  it('after the end does nothing', async () => {
    const cancel = new AbortController();
    const watched = watchedGuest();
    await move({
      guest: watched.guest,
      source: { signal: cancel.signal },
      destination: { signal: cancel.signal },
    });
    cancel.abort();
    expect(watched.calls).toEqual(['stop']);
  });
});

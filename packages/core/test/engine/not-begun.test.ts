import { setTimeout as delay } from 'node:timers/promises';
import { migrate } from '@multifd/core';
import { testSeed } from '@multifd/testing/random';
import { describe, expect, it } from 'vitest';
import { closeAfterTest, destination, relayTo, serve } from '../support/ends.js';
import { PLAIN } from '../support/fixtures.js';
import { HoldingLine } from '../support/holding-line.js';
import { expectFailure, expectValue, outcomeOf } from '../support/outcome.js';
import { createGuestRam, expectSameRam, MIB } from '../support/ram.js';

/** Far beyond what a test may take. */
const LONG = { setupTimeout: 120_000, stallTimeout: 120_000, multifdChannels: 2 };

/** A live guest that the kernels between two ends take whole. */
function smallGuest() {
  const calls: string[] = [];
  const guest = {
    ram: createGuestRam({ seed: testSeed(), live: true, blocks: [{ name: 'pc.ram', length: MIB }] }),
    stop: () => void calls.push('stop'),
    resume: () => void calls.push('resume'),
  };
  return { guest, calls };
}

/** What listens there takes connections, and never reads: the process hangs. */
const hung = (): Promise<string> => serve(() => {}, { pauseOnConnect: true });

describe('a relay whose destination hangs', () => {
  it.each([1, 2])(
    '%i of them in a row: the guest is never stopped, and its source hears why',
    async (count) => {
      let last = await relayTo(await hung(), LONG, { ...LONG, setupTimeout: 2000 });
      const relays = [last];
      for (; relays.length < count; relays.push(last)) last = await relayTo(last.address, LONG);
      const relayed = relays.map(({ result }) => outcomeOf(result, 'relay'));
      const { guest, calls } = smallGuest();
      const sent = await outcomeOf(
        migrate({ guest, to: last.address, accelerator: PLAIN, parameters: LONG }),
        'migrate',
      );
      expectFailure(sent, 'peer-closed', /says: .*no answer from the destination within 2000 ms/);
      expect(calls).toEqual([]);
      for (const outcome of relayed)
        expect(expectFailure(await outcome, ['timeout', 'peer-closed']).guest).toBe('source');
    },
  );
});

describe('a destination whose channels come late', () => {
  /** Its channels come after `ms`. */
  async function late(ms: number) {
    const { incoming } = await destination({ parameters: LONG });
    const line = closeAfterTest(
      await HoldingLine.open(incoming.address, ({ channel }) => channel !== undefined),
    );
    setTimeout(() => line.release(), ms);
    return { incoming, address: line.address };
  }

  it('a source waits, its guest runs on, and all arrives', async () => {
    const { incoming, address } = await late(1500);
    const { guest, calls } = smallGuest();
    const sent = outcomeOf(migrate({ guest, to: address, accelerator: PLAIN, parameters: LONG }), 'migrate');
    await delay(1000);
    expect(calls).toEqual([]);
    expectValue(await sent);
    expect(calls).toEqual(['stop']);
    expectSameRam((await incoming.result).ram, guest.ram);
  });

  it("a relay in front of it shows that it lives: its source's time limit begins anew", async () => {
    const { incoming, address } = await late(6000);
    const between = await relayTo(address, LONG);
    const { guest, calls } = smallGuest();
    // Above the second between two signs of life, with room for a busy machine, and below what the destination takes.
    const parameters = { ...LONG, setupTimeout: 4500 };
    const sent = await outcomeOf(
      migrate({ guest, to: between.address, accelerator: PLAIN, parameters }),
      'migrate',
    );
    expectValue(sent);
    expect(calls).toEqual(['stop']);
    expectSameRam((await incoming.result).ram, guest.ram);
  });
});

describe('a source that waits for the answer', () => {
  it('is cancelled at once, and its guest runs on', async () => {
    const { guest, calls } = smallGuest();
    const cancel = new AbortController();
    const sent = outcomeOf(
      migrate({
        guest,
        to: await hung(),
        accelerator: PLAIN,
        parameters: LONG,
        signal: cancel.signal,
      }),
      'migrate',
      20_000,
    );
    setTimeout(() => cancel.abort(), 1000);
    expect(expectFailure(await sent, 'cancelled').guest).toBe('source');
    expect(calls).toEqual([]);
  });
});

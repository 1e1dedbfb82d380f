import { once } from 'node:events';
import type { Socket } from 'node:net';
import type { MultifdError, ReceiveOptions } from '@multifd/core';
import { testSeed } from '@multifd/testing/random';
import { describe, expect, it } from 'vitest';
import {
  closeAfterTest,
  type Destination,
  destination,
  rawSource,
  relayTo,
  SHUT,
  until,
} from '../support/ends.js';
import { FaultyLine } from '../support/faulty-line.js';
import { expectFailure, expectValue, inTime, outcomeOf } from '../support/outcome.js';
import { tryToMove } from '../support/pair.js';
import { createGuestRam, MIB } from '../support/ram.js';
import { raw } from '../support/raw-source.js';

const BLOCKS = [{ name: 'pc.ram', length: 2 * MIB }];
const parameters = { multifdChannels: 1, setupTimeout: 5000, stallTimeout: 5000 };

const listen = (options: Partial<ReceiveOptions> = {}): Promise<Destination> =>
  destination({ parameters, ...options });

/** A source that has sent everything, over main and one channel. */
async function everything(
  address: string,
  returnPath = true,
): Promise<{ main: Socket; channel: Socket; heard: () => Buffer }> {
  const source = rawSource(address);
  const request = returnPath ? raw.returnPath() : raw.nothing;
  const main = await source.open(raw.header(), request, raw.start(BLOCKS), raw.part('end'), raw.end());
  const heard: Buffer[] = [];
  main.on('data', (bytes: Buffer) => heard.push(bytes));
  const page = raw.packet({ block: 'pc.ram', normal: [4096], fill: 7 });
  const channel = await source.open(raw.init(0), raw.sync(), page, raw.sync());
  return { main, channel, heard: () => Buffer.concat(heard) };
}

/** Until the source has heard that its guest has arrived: one that closes main before that takes it back. */
const told = (heard: () => Buffer): Promise<void> =>
  until(() => heard().includes(SHUT), 'the word of success');

/** A relay before a destination of ours. */
async function chain(options: Partial<ReceiveOptions> = {}) {
  const { incoming: end } = await listen(options);
  return { end, between: await relayTo(end.address, parameters) };
}

/** A relay whose destination gets everything, and whose answers are lost. */
async function chainWithoutAnswers(returnPath = true) {
  let line: FaultyLine | undefined;
  const { incoming: end } = await listen({
    async commit() {
      await line?.muteDestination();
    },
  });
  line = closeAfterTest(await FaultyLine.open(end.address));
  const between = await relayTo(line.address, parameters, { ...parameters, stallTimeout: 1500 });
  const source = await everything(between.address, returnPath);
  return { end, between, source };
}

/** Whatever happens: a relay must not say that the source has the guest while the destination has it. */
function expectAgreement(relayed: MultifdError, destinationHasIt: boolean): void {
  expect(relayed.guest).toBe(destinationHasIt ? 'either' : 'source');
  expect(relayed.hint).toMatch(
    destinationHasIt ? /both may have the guest/ : /at its source, if that still runs/,
  );
}

describe('a relay says who has the guest', () => {
  it('the source closes main right behind its last byte', async () => {
    const { end, between } = await chain();
    const { main } = await everything(between.address);
    main.end();
    const relayed = expectFailure(await outcomeOf(between.result, 'relay'), 'peer-closed');
    // If nothing of the guest has come so far, the destination waits for another source.
    const waits = setTimeout(() => end.close(), 5_000);
    const received = await outcomeOf(end.result, 'receive');
    clearTimeout(waits);
    expectAgreement(relayed, received.ok);
  });

  it('the source closes main when the destination has everything', async () => {
    let main: Socket | undefined;
    const { end, between } = await chain({
      async commit() {
        main?.destroy();
        await new Promise((resolve) => setTimeout(resolve, 500));
      },
    });
    ({ main } = await everything(between.address));
    const relayed = expectFailure(await outcomeOf(between.result, 'relay'), 'peer-closed');
    // It has its guest back: nobody else may keep it.
    expect(expectFailure(await outcomeOf(end.result, 'receive'), 'peer-closed').guest).toBe('source');
    // The relay cannot know whether its destination had just told it.
    expect(relayed.guest).toBe('either');
  });

  it('cancelled when the destination has everything: too late', async () => {
    let cancel = (): void => {};
    const { end, between } = await chain({
      async commit() {
        cancel();
        await new Promise((resolve) => setTimeout(resolve, 500));
      },
    });
    cancel = () => between.close();
    const { main, heard } = await everything(between.address);
    expectValue(await outcomeOf(end.result, 'receive'));
    await told(heard);
    main.end();
    expectValue(await outcomeOf(between.result, 'relay'));
  });

  it('a channel breaks when the destination has everything: the source is told', async () => {
    let channel: Socket | undefined;
    const { end, between } = await chain({
      async commit() {
        channel?.resetAndDestroy();
        await new Promise((resolve) => setTimeout(resolve, 500));
      },
    });
    const source = await everything(between.address);
    ({ channel } = source);
    expectValue(await outcomeOf(end.result, 'receive'));
    await told(source.heard);
    source.main.end();
    expectValue(await outcomeOf(between.result, 'relay'));
  });

  it('the destination is gone before its last word: both may have it', async () => {
    const { end, between, source } = await chainWithoutAnswers();
    const { main, heard } = source;
    const closed = once(main, 'close');
    const relayed = expectFailure(await outcomeOf(between.result, 'relay'), ['timeout', 'peer-closed']);
    expectValue(await outcomeOf(end.result, 'receive'));
    expectAgreement(relayed, true);
    await inTime(closed, 'the source');
    expect(heard().includes(SHUT)).toBe(false);
  });
});

describe('behind a relay whose source does not wait for an answer', () => {
  const commit = (): never => {
    throw new Error('disk full');
  };

  it('a destination that refuses: nobody says that the guest is at its source, or that both may have it', async () => {
    const { end, between } = await chain({ commit });
    const { main } = await everything(between.address, false);
    main.end();
    const received = expectFailure(await outcomeOf(end.result, 'receive'), 'guest');
    expect(received.guest).toBe('either');
    expect(received.hint).toMatch(/may have let go of the guest: look whether it still has it/);
    const relayed = expectFailure(await outcomeOf(between.result, 'relay'), 'peer-closed');
    expect(relayed.guest).toBe('either');
    expect(relayed.hint).toMatch(/the destination does not have the guest, and the source .* let go of/);
    expect(relayed.hint).not.toMatch(/both/);
  });

  it('the same through two relays', async () => {
    const { end, between } = await chain({ commit });
    const first = await relayTo(between.address, parameters);
    await everything(first.address, false);
    for (const { result, code } of [
      { result: end.result, code: 'guest' },
      { result: between.result, code: 'peer-closed' },
      { result: first.result, code: 'peer-closed' },
    ] as const) {
      const error = expectFailure(await outcomeOf<unknown>(result, 'one of them'), code);
      expect(error.guest).toBe('either');
      expect(error.hint).toMatch(/let go of the guest/);
    }
  });

  it('a destination that takes the guest: the relay is done when it has', async () => {
    const { end, between } = await chain();
    await everything(between.address, false);
    expectValue(await outcomeOf(end.result, 'receive'));
    expectValue(await outcomeOf(between.result, 'relay'));
  });

  it('a destination that is not heard any more: it may have the guest, the source has let go of it', async () => {
    const { between } = await chainWithoutAnswers(false);
    const error = expectFailure(await outcomeOf(between.result, 'relay'), ['timeout', 'peer-closed']);
    expect(error.guest).toBe('either');
    expect(error.hint).toMatch(/let go of the guest, and the destination may have it/);
  });
});

describe('a destination says who has the guest', () => {
  const openRam = (): never => {
    throw new Error('no room');
  };

  it('nobody has come: there is no guest', async () => {
    const { incoming: end } = await listen();
    end.close();
    const error = expectFailure(await outcomeOf(end.result, 'receive'), 'cancelled');
    expect(error.guest).toBeUndefined();
    expect(error.hint).toBeUndefined();
  });

  it('a source that waits for an answer has it', async () => {
    const { incoming: end } = await listen({ openRam });
    await everything(end.address);
    const error = expectFailure(await outcomeOf(end.result, 'receive'), 'guest');
    expect(error.guest).toBe('source');
    expect(error.hint).toMatch(/the guest was not handed over: it is at its source, if that still runs/);
  });

  it('one that does not wait may have let go of it', async () => {
    const { incoming: end } = await listen({ openRam });
    await everything(end.address, false);
    const error = expectFailure(await outcomeOf(end.result, 'receive'), 'guest');
    expect(error.guest).toBe('either');
    expect(error.hint).toMatch(/may have let go of the guest/);
  });
});

describe('a source says who has the guest', () => {
  const guest = () => ({ ram: createGuestRam({ seed: testSeed(), blocks: BLOCKS }) });

  it('a destination that refuses', async () => {
    const { sent } = await tryToMove({
      guest: guest(),
      parameters,
      destination: {
        commit: () => {
          throw new Error('disk full');
        },
      },
    });
    const error = expectFailure(sent, 'peer-closed');
    expect(error.guest).toBe('source');
    expect(error.hint).toMatch(/the guest is intact here/);
  });

  it('a destination that has everything and is not heard any more', async () => {
    let line: FaultyLine | undefined;
    const { sent, received } = await tryToMove({
      guest: guest(),
      parameters,
      source: { parameters: { ...parameters, stallTimeout: 1500 } },
      destination: {
        async commit() {
          await line?.muteDestination();
        },
      },
      async listening(incoming) {
        line = closeAfterTest(await FaultyLine.open(incoming.address));
        return line.address;
      },
    });
    expect(received.ok).toBe(true);
    const error = expectFailure(sent, ['timeout', 'peer-closed']);
    expect(error.guest).toBe('either');
    expect(error.hint).toMatch(/make sure that the guest does not run there/);
  });
});

describe('a source that does not wait has let go of its guest when everything has arrived', () => {
  it('a cancellation comes too late', async () => {
    const told: string[] = [];
    const { incoming: end, events } = await listen({
      commit: async ({ guest }) => {
        told.push(guest);
        end.close();
      },
    });
    await everything(end.address, false);
    expect(expectValue(await outcomeOf(end.result, 'receive')).guest).toBe('destination');
    expect(told).toEqual(['either']);
    const warnings = events.flatMap((event) => (event.type === 'warning' ? [event.message] : []));
    expect(warnings.join()).toMatch(/too late to cancel: .*has let go of it/);
  });

  it('one that waits keeps it', async () => {
    const { incoming: end } = await listen({ commit: async () => end.close() });
    await everything(end.address);
    expect(expectFailure(await outcomeOf(end.result, 'receive'), 'cancelled').guest).toBe('source');
  });

  it('a failure ends it all the same, and says so', async () => {
    const commit = (): never => {
      throw new Error('disk full');
    };
    const { incoming: end } = await listen({ commit });
    await everything(end.address, false);
    expect(expectFailure(await outcomeOf(end.result, 'receive'), 'guest').guest).toBe('either');
  });
});

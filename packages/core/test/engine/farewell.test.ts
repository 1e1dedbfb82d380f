import { mkdtempSync, rmSync } from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type GuestPlace, type MigrationParameters, migrate, receive } from '@multifd/core';
import { testSeed } from '@multifd/testing/random';
import { describe, expect, it } from 'vitest';
import { COMMAND, encodeCommand } from '../../src/public/wire.js';
import { u32 } from '../../src/wire/bytes.js';
import { PING_IS_RELAY, PING_SOURCE_DOES_NOT_WAIT, PING_SOURCE_LET_GO } from '../../src/wire/return-path.js';
import { closeAfterTest, destination, rawSource, relayTo, SHUT } from '../support/ends.js';
import { expectValue, outcomeOf } from '../support/outcome.js';
import { createGuestRam, MIB } from '../support/ram.js';
import { raw } from '../support/raw-source.js';

const BLOCKS = [{ name: 'pc.ram', length: 2 * MIB }];
/** Far beyond what a test may take. */
const LONG = { multifdChannels: 1, setupTimeout: 300_000, stallTimeout: 300_000, idleTimeout: 300_000 };
const PATIENCE = 30_000;

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

interface End {
  readonly address: string;
  readonly result: Promise<{ readonly guest: GuestPlace }>;
  close(): void;
}

/** A destination that keeps the guest, or a relay before one. */
const KINDS = {
  async receive(parameters: Partial<MigrationParameters>): Promise<End> {
    return closeAfterTest(await receive({ listen: 'tcp:127.0.0.1:0', parameters }));
  },
  // Its connections come to their threads over loopback pairs (`Bridge`).
  async 'receive on a unix socket'(parameters: Partial<MigrationParameters>): Promise<End> {
    const folder = mkdtempSync(join(tmpdir(), 'multifd-'));
    closeAfterTest({ close: () => rmSync(folder, { recursive: true }) });
    const path = join(folder, 'source.sock');
    return closeAfterTest(await receive({ listen: `unix:${path}`, parameters }));
  },
  async relay(parameters: Partial<MigrationParameters>): Promise<End> {
    const behind = closeAfterTest(await receive({ listen: 'tcp:127.0.0.1:0', parameters: LONG }));
    return relayTo(behind.address, parameters, LONG);
  },
} as const;

const ping = (value: number): Uint8Array => encodeCommand(COMMAND.PING, u32(value));

/** A source that has sent everything, with these PINGs before RAM. `told` is fulfilled once it has heard that its guest is there. */
async function everything(
  address: string,
  returnPath = true,
  ...pings: readonly number[]
): Promise<{ main: Socket; told: Promise<void> }> {
  const source = rawSource(address);
  const request = Buffer.concat([returnPath ? raw.returnPath() : raw.nothing, ...pings.map(ping)]);
  const main = await source.open(raw.header(), request, raw.start(BLOCKS), raw.part('end'), raw.end());
  // As QEMU's: the other end's closing does not close this one.
  main.allowHalfOpen = true;
  const told = new Promise<void>((resolve) => {
    let heard = Buffer.alloc(0);
    main.on('data', (bytes: Buffer) => {
      heard = Buffer.concat([heard, bytes]);
      if (heard.includes(SHUT)) resolve();
    });
  });
  await source.open(raw.init(0), raw.sync(), raw.sync());
  return { main, told };
}

for (const [kind, open] of Object.entries(KINDS)) {
  describe(`${kind}: the source was told that its guest is here`, () => {
    it('and keeps main, as QEMU 11.1 with x-colo does: either may have the guest', async () => {
      const end = await open({ ...LONG, stallTimeout: 1500 });
      const { told } = await everything(end.address);
      await told;
      const began = performance.now();
      expect(expectValue(await outcomeOf(end.result, kind, PATIENCE)).guest).toBe('either');
      expect(performance.now() - began).toBeGreaterThan(1000);
    });

    it('and closes main, after longer than anybody should take: the guest is here', async () => {
      const end = await open(LONG);
      const { main, told } = await everything(end.address);
      await told;
      await pause(4000);
      main.end();
      expect(expectValue(await outcomeOf(end.result, kind, PATIENCE)).guest).toBe('destination');
    });

    it('and is killed: the guest is here', async () => {
      const end = await open(LONG);
      const { main, told } = await everything(end.address);
      await told;
      // A unix socket has no reset.
      if (end.address.startsWith('unix:')) main.destroy();
      else main.resetAndDestroy();
      expect(expectValue(await outcomeOf(end.result, kind, PATIENCE)).guest).toBe('destination');
    });

    it('and keeps main while the user is in a hurry: the wait ends, and either may have the guest', async () => {
      const end = await open(LONG);
      const { told } = await everything(end.address);
      await told;
      await pause(200);
      end.close();
      expect(expectValue(await outcomeOf(end.result, kind, PATIENCE)).guest).toBe('either');
    });

    it('or waits for no word: when it closes main says nothing', async () => {
      const end = await open(LONG);
      await everything(end.address, false);
      expect(expectValue(await outcomeOf(end.result, kind, PATIENCE)).guest).toBe('destination');
    });
  });
}

it('a source that asked for a report keeps main until it has it, however long that takes', async () => {
  const places: GuestPlace[] = [];
  const { incoming: end } = await destination({
    parameters: { ...LONG, stallTimeout: 1000 },
    commit: ({ guest }) => {
      places.push(guest);
    },
    async report({ guest }) {
      places.push(guest);
      await pause(3000);
      return Buffer.from('report');
    },
  });
  const moved = migrate({
    guest: { ram: createGuestRam({ seed: testSeed(), blocks: BLOCKS }) },
    to: end.address,
    parameters: { ...LONG, zeroPageDetection: 'none' },
    requestReport: true,
  });
  expect(Buffer.from((await moved).report ?? []).toString()).toBe('report');
  expect((await end.result).guest).toBe('destination');
  expect(places).toEqual(['source', 'destination']);
});

/** A relay before a destination, and what both say in the end. */
async function chain(relayed: Partial<MigrationParameters>, kept: Partial<MigrationParameters>) {
  const behind = closeAfterTest(await receive({ listen: 'tcp:127.0.0.1:0', parameters: kept }));
  const end = await relayTo(behind.address, relayed, LONG);
  const { main, told } = await everything(end.address);
  await told;
  const places = async (): Promise<GuestPlace[]> => {
    const first = expectValue(await outcomeOf(end.result, 'relay', PATIENCE)).guest;
    return [first, expectValue(await outcomeOf(behind.result, 'receive', PATIENCE)).guest];
  };
  return { end, main, places };
}

const SHORT = { ...LONG, stallTimeout: 1500 };

describe('a destination behind a relay says of the guest what the relay says, if the source', () => {
  it.each([
    ['the relay waits less', SHORT, LONG],
    ['the destination waits less', { ...LONG, stallTimeout: 4000 }, SHORT],
    ['both wait as long', SHORT, SHORT],
  ])('keeps main: %s', async (_what, relayed, kept) => {
    const { places } = await chain(relayed, kept);
    expect(await places()).toEqual(['either', 'either']);
  });

  it("keeps main, and the relay's user is in a hurry", async () => {
    const { end, places } = await chain(LONG, LONG);
    await pause(200);
    end.close();
    expect(await places()).toEqual(['either', 'either']);
  });

  it('closes main late', async () => {
    const { main, places } = await chain(LONG, LONG);
    await pause(3000);
    main.end();
    expect(await places()).toEqual(['destination', 'destination']);
  });

  it('is killed', async () => {
    const { main, places } = await chain(LONG, LONG);
    main.resetAndDestroy();
    expect(await places()).toEqual(['destination', 'destination']);
  });
});

describe('a relay whose source waits for an answer was told that the guest has arrived', () => {
  const relayed = async (...pings: readonly number[]) => {
    const behind = closeAfterTest(await receive({ listen: 'tcp:127.0.0.1:0', parameters: LONG }));
    const { main, told } = await everything(behind.address, true, PING_IS_RELAY, ...pings);
    await told;
    const place = async (): Promise<GuestPlace> =>
      expectValue(await outcomeOf(behind.result, 'receive', PATIENCE)).guest;
    return { main, place };
  };

  it('and is killed before it says more: its source may have kept its guest', async () => {
    const { main, place } = await relayed();
    main.resetAndDestroy();
    expect(await place()).toBe('either');
  });

  it('and closes without a word: the same', async () => {
    const { main, place } = await relayed();
    main.end();
    expect(await place()).toBe('either');
  });

  it('and says that its source has let go: the guest is here', async () => {
    const { main, place } = await relayed();
    main.end(ping(PING_SOURCE_LET_GO));
    expect(await place()).toBe('destination');
  });

  it('but not if that source waits for none: it has let go before', async () => {
    const { main, place } = await relayed(PING_SOURCE_DOES_NOT_WAIT);
    main.end();
    expect(await place()).toBe('destination');
  });
});

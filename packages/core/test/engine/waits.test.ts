import type { Socket } from 'node:net';
import { type DestinationEvent, type MigrationParameters, migrate } from '@multifd/core';
import { testSeed } from '@multifd/testing/random';
import { describe, expect, it } from 'vitest';
import { destination, pongs, rawSource, relayTo, SHUT, serve } from '../support/ends.js';
import { expectFailure, expectValue, outcomeOf } from '../support/outcome.js';
import { createGuestRam, MIB } from '../support/ram.js';
import { raw } from '../support/raw-source.js';

const BLOCKS = [{ name: 'pc.ram', length: 2 * MIB }];
/** Far beyond what a test may take: whoever waits for one of these has not noticed anything. */
const LONG = { setupTimeout: 300_000, stallTimeout: 300_000, idleTimeout: 300_000 };
const PATIENCE = 20_000;
/** Bytes of a START section before its body: type, section id, `ram`, instance id, version. */
const RAM_BEGINS = 17;
/** PONG(0): a sign of life. */
const PONG = Buffer.of(0, 2, 0, 4, 0, 0, 0, 0);

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

interface End {
  readonly address: string;
  readonly result: Promise<unknown>;
  readonly events: readonly DestinationEvent[];
}

/** A destination that keeps the guest, or a relay before one. */
const KINDS = {
  async receive(parameters: Partial<MigrationParameters>): Promise<End> {
    const { incoming, events } = await destination({ parameters });
    return { ...incoming, events };
  },
  async relay(parameters: Partial<MigrationParameters>): Promise<End> {
    const events: DestinationEvent[] = [];
    const { incoming: behind } = await destination({ parameters });
    const between = await relayTo(behind.address, parameters, parameters, (event) => events.push(event));
    return { ...between, events };
  },
} as const;

/** Main and channel 1 stand at the second cut; channel 0 says nothing any more, and does not close. */
async function oneBlackHole(address: string, returnPath: boolean) {
  const source = rawSource(address);
  const request = returnPath ? raw.returnPath() : raw.nothing;
  const main = await source.open(raw.header(), request, raw.start(BLOCKS), raw.part('part'));
  const silent = await source.open(raw.init(0), raw.sync());
  const channel = await source.open(raw.init(1), raw.sync(), raw.sync());
  await pause(500);
  return { main, channel, silent };
}

for (const [kind, open] of Object.entries(KINDS)) {
  describe(`${kind}: a connection that never says anything again, and the source is dead`, () => {
    for (const act of ['end', 'resetAndDestroy'] as const) {
      it(`${act}: the others end the wait for a sync at once`, async () => {
        const end = await open({ ...LONG, multifdChannels: 2 });
        const { main, channel } = await oneBlackHole(end.address, true);
        channel[act]();
        main[act]();
        expectFailure(await outcomeOf(end.result, kind, PATIENCE), 'peer-closed', /main|channel 1/);
      });

      it(`${act}: main alone does`, async () => {
        const end = await open({ ...LONG, multifdChannels: 2 });
        const { main } = await oneBlackHole(end.address, true);
        main[act]();
        expectFailure(await outcomeOf(end.result, kind, PATIENCE), 'peer-closed', /main/);
      });

      it(`${act}: channels end the wait for the block list at once`, async () => {
        const end = await open({ ...LONG, multifdChannels: 2 });
        const source = rawSource(end.address);
        // Main has come to RAM: until then the source is a stranger, and the destination waits on.
        const start = raw.start(BLOCKS);
        const main = await source.open(raw.header(), raw.returnPath(), start.subarray(0, RAM_BEGINS));
        const channels = [await source.open(raw.init(0), raw.sync())];
        channels.push(await source.open(raw.init(1), raw.sync()));
        await pause(500);
        for (const channel of channels) channel[act]();
        if (act === 'resetAndDestroy') {
          expectFailure(await outcomeOf(end.result, kind, PATIENCE), 'peer-closed', /channel/);
          return;
        }
        // Whether the source waits for our word is not known before the block list.
        main.write(start.subarray(RAM_BEGINS));
        expectFailure(await outcomeOf(end.result, kind, PATIENCE), 'peer-closed', /channel/);
      });
    }

    it('no connection closes: bytes that are due have the limit that the user set', async () => {
      const end = await open({ ...LONG, multifdChannels: 2, stallTimeout: 1500 });
      await oneBlackHole(end.address, true);
      const error = expectFailure(await outcomeOf(end.result, kind, PATIENCE), 'timeout');
      expect(error.message).toMatch(/channel 0: sync 2 is due, and no byte came for 1500 ms/);
    });

    it('a source without a return path that closes early has the limit that the user set', async () => {
      const end = await open({ ...LONG, multifdChannels: 1, stallTimeout: 1500 });
      const source = rawSource(end.address);
      const channel = await source.open(raw.init(0), raw.sync());
      await source.open(raw.header(), raw.start(BLOCKS));
      await pause(500);
      channel.end();
      expectFailure(await outcomeOf(end.result, kind, PATIENCE), ['timeout', 'peer-closed']);
    });
  });

  describe(`${kind}: device state without a description (suppress-vmdesc)`, () => {
    const device = Buffer.concat([
      Buffer.from('04', 'hex'),
      Buffer.from('00000009', 'hex'),
      Buffer.from('\x05timer', 'latin1'),
      Buffer.from('0000000000000002', 'hex'),
      Buffer.alloc(24, 3),
      Buffer.from('7e00000009', 'hex'),
    ]);

    async function everything(address: string, tail: Uint8Array): Promise<{ main: Socket; heard: Buffer[] }> {
      const source = rawSource(address);
      const main = await source.open(
        raw.header(),
        raw.returnPath(),
        raw.start(BLOCKS),
        raw.part('end'),
        tail,
      );
      const heard: Buffer[] = [];
      main.on('data', (bytes: Buffer) => {
        heard.push(bytes);
        if (Buffer.concat(heard).includes(SHUT)) source.close();
      });
      await source.open(raw.init(0), raw.sync(), raw.sync());
      return { main, heard };
    }

    it('ends with the end of sections and silence; the source is told', async () => {
      const end = await open({ ...LONG, multifdChannels: 1 });
      const { heard } = await everything(end.address, Buffer.concat([device, Buffer.of(0)]));
      expectValue(await outcomeOf(end.result, kind, PATIENCE));
      expect(Buffer.concat(heard).includes(SHUT)).toBe(true);
      expect(end.events.filter(({ type }) => type === 'warning')).toHaveLength(1);
    });

    it('that stops before the end of sections: the limit that the user set, and the guest stays', async () => {
      const end = await open({ ...LONG, multifdChannels: 1, stallTimeout: 3000 });
      const { heard } = await everything(end.address, device.subarray(0, 40));
      const error = expectFailure(await outcomeOf(end.result, kind, PATIENCE), 'timeout', /device state/);
      expect(error.guest).toBe('source');
      await pause(200);
      expect(Buffer.concat(heard).includes(SHUT)).toBe(false);
    });
  });
}

describe('a source', () => {
  it('does not wait for ever for a destination that is alive and never says its last word', async () => {
    const to = await serve((socket) => {
      socket.once('data', (first: Buffer) => {
        if (first[0] !== 0x51) return;
        socket.write(pongs(2));
        setInterval(() => socket.write(PONG), 100).unref();
      });
    });
    const moving = migrate({
      guest: { ram: createGuestRam({ seed: testSeed(), blocks: BLOCKS }) },
      to,
      parameters: { zeroPageDetection: 'none', stallTimeout: 1000, completionTimeout: 3000 },
    });
    const outcome = await outcomeOf(moving, 'migrate', PATIENCE);
    const error = expectFailure(outcome, 'timeout', /no word of completion .* within 3000 ms/);
    expect(outcome.ms).toBeGreaterThan(2900);
    expect(error.guest).toBe('either');
  });
});

import { describe, expect, it } from 'vitest';
import { type Destination, destination } from '../support/ends.js';
import { expectFailure, outcomeOf } from '../support/outcome.js';
import { raw } from '../support/raw-source.js';

const BLOCK = { name: 'pc.ram', length: 4096 };

/** A source whose main has come to RAM, and which has no channel: the limit of the setup ends the wait. */
async function withoutChannels(...asks: readonly Uint8Array[]) {
  const { incoming, source } = await destination({ parameters: { multifdChannels: 1, setupTimeout: 1000 } });
  await source.open(raw.header(), ...asks, raw.start([BLOCK]));
  return outcomeOf(incoming.result, 'receive');
}

it('a source that waits for an answer has its guest', async () => {
  const error = expectFailure(await withoutChannels(raw.returnPath()), 'timeout', /channel 0 of 1/);
  expect(error.guest).toBe('source');
});

it('of a source that waits for none nobody here can say that it has its guest', async () => {
  const error = expectFailure(await withoutChannels(), 'timeout', /channel 0 of 1/);
  expect(error).toMatchObject({
    guest: 'either',
    hint: expect.stringMatching(/may have let go of the guest/),
  });
});

const LET_GO = /; the source did not wait for an answer and may have let go of the guest: look .*return-path/;

describe.each([
  { what: 'that waits for an answer', asks: raw.returnPath(), mayHaveLetGo: false },
  { what: 'that waits for none', asks: raw.nothing, mayHaveLetGo: true },
])('a source $what and is turned away', ({ asks, mayHaveLetGo }) => {
  const start = (machineType?: string): Uint8Array =>
    Buffer.concat([raw.header(machineType), asks, raw.start([BLOCK])]);

  async function expectWord({ refused, refusals }: Destination, reason: RegExp): Promise<void> {
    await refused(reason);
    const lines = refusals().filter((line) => reason.test(line));
    expect(lines.length).toBeGreaterThan(0);
    for (const line of lines) {
      if (mayHaveLetGo) expect(line).toMatch(LET_GO);
      else expect(line).not.toMatch(/let go/);
    }
    // Only a main stream can tell: of no other connection anything is said.
    for (const line of refusals()) expect(LET_GO.test(line)).toBe(mayHaveLetGo && reason.test(line));
  }

  it('its pages come on main: multifd is off', async () => {
    const end = await destination({ parameters: { multifdChannels: 1, setupTimeout: 5000 } });
    await end.source.open(start(), raw.part('part', raw.pageRecord(0, 7, BLOCK.name)));
    await expectWord(
      end,
      /^main stream: the source sends its pages there and has no channel \(turn multifd on/,
    );
  });

  it('it has another number of channels', async () => {
    const end = await destination({ parameters: { multifdChannels: 1 } });
    await end.source.open(start());
    // As every source does: no packet before all channels are connected.
    const channels = [await end.source.open(raw.init(0)), await end.source.open(raw.init(1))];
    for (const [channel, socket] of channels.entries()) socket.write(raw.sync(channel));
    await expectWord(end, /^the source has .*2 channels, expected 1/);
  });

  it('it is another machine', async () => {
    const end = await destination({ machineType: 'pc-q35-10.0' });
    await end.source.open(start('pc-i440fx-10.0'));
    await expectWord(end, /machine type: expected pc-q35-10\.0, got pc-i440fx-10\.0/);
  });

  it('it closed main before its channels came', async () => {
    const end = await destination({ parameters: { multifdChannels: 1, setupTimeout: 2000 } });
    (await end.source.open(start())).end();
    await expectWord(end, /^main stream: the source closed it before all its connections were there/);
  });

  it('two came at once', async () => {
    const end = await destination({ parameters: { multifdChannels: 1 } });
    for (let count = 0; count < 2; count++) await end.source.open(start());
    await expectWord(end, /^the main stream connected twice/);
    expect(end.refusals()).toHaveLength(2);
  });
});

it('of a stranger on main nothing is said', async () => {
  const end = await destination();
  await end.source.open(raw.header(), Buffer.alloc(64, 0x55));
  await end.refused(/./);
  expect(end.refusals().join()).not.toMatch(/let go/);
});

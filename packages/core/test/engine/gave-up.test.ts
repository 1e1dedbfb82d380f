import { describe, expect, it } from 'vitest';
import { destination, relayTo } from '../support/ends.js';
import { expectFailure, expectValue, outcomeOf } from '../support/outcome.js';
import { firstPage, MIB } from '../support/ram.js';
import { RawSource, raw } from '../support/raw-source.js';

const BLOCK = { name: 'pc.ram', length: MIB };
const parameters = { multifdChannels: 1 };

/**
 * A source that has passed the setup sync and then waits, in vain, for this end, which stands still: all of it is there, and
 * its end too, when this end looks again.
 */
async function giveUp(address: string): Promise<void> {
  const source = new RawSource(address);
  const main = await source.open(raw.nothing);
  const channel = await source.open(raw.nothing);
  // All at once: the kernel has it before this process's event loop goes on.
  main.write(Buffer.concat([raw.header(), raw.returnPath(), raw.start([BLOCK])]));
  channel.write(Buffer.concat([raw.init(0), raw.sync()]));
  source.close();
}

describe('a source that gave up before this end looked', () => {
  it('is refused with one line, and the next one is taken', async () => {
    const { incoming, source, refused, refusals } = await destination({ parameters });
    await giveUp(incoming.address);
    await refused(/the source closed it before it sent a page .*see the source's own message/);
    const page = raw.packet({ block: 'pc.ram', normal: [0], fill: 7, number: 1 });
    const main = await source.open(raw.header(), raw.start([BLOCK]));
    await source.open(raw.init(0), raw.sync(), page, raw.sync(2));
    main.write(Buffer.concat([raw.part('end'), raw.end()]));
    const { ram } = expectValue(await outcomeOf(incoming.result, 'receive'));
    expect(firstPage(ram)).toEqual(new Uint8Array(4096).fill(7));
    expect(refusals()).toHaveLength(1);
  });

  it('never reaches the destination of a relay', async () => {
    const { incoming: behind, refusals } = await destination({ parameters });
    const between = await relayTo(behind.address, parameters);
    await giveUp(between.address);
    await giveUp(between.address);
    between.close();
    expectFailure(await outcomeOf(between.result, 'relay'), 'cancelled');
    expect(refusals()).toEqual([]);
  });
});

it('a source that ends in setup once it was taken: told in plain words', async () => {
  const { incoming, source, active } = await destination({ parameters });
  await source.open(raw.header(), raw.returnPath(), raw.start([BLOCK]));
  await source.open(raw.init(0), raw.sync());
  await active();
  source.close();
  const error = expectFailure(await outcomeOf(incoming.result, 'receive'), 'peer-closed');
  // Main's thread says that no page came, a channel's what it waits for, and whoever watches the source that something is missing.
  expect(error.message).toMatch(
    /main stream: the source closed it before (it sent a page|everything was here)|channel 0/,
  );
});

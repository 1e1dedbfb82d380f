import type { Incoming, ReceiveOptions } from '@multifd/core';
import { type Destination, destination } from './ends.js';
import { expectValue, outcomeOf } from './outcome.js';
import { MIB } from './ram.js';
import { type RawSource, raw } from './raw-source.js';

/** All the RAM of a guest. */
export const BLOCK = { name: 'pc.ram', length: MIB };
/** The main stream of a source: what it says first, and when its channels have said all. */
export const main = {
  start: Buffer.concat([raw.header(), raw.start([BLOCK])]),
  end: Buffer.concat([raw.part('end'), raw.end()]),
};

/** A destination for so many channels. */
export const listen = (channels = 2, options: Partial<ReceiveOptions> = {}): Promise<Destination> =>
  destination({ ...options, parameters: { multifdChannels: channels, ...options.parameters } });

/** A right source, in QEMU's order. */
export async function sendGuest(source: RawSource, channels = 2, uuid = new Uint8Array(16)): Promise<void> {
  const stream = await source.open(main.start);
  for (let channel = 0; channel < channels; channel++) {
    await source.open(raw.init(channel, uuid), raw.sync(), raw.sync());
  }
  stream.write(main.end);
}

/** The destination has a guest. */
export async function completes(incoming: Incoming): Promise<void> {
  expectValue(await outcomeOf(incoming.result, 'receive'));
}

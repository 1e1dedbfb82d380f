import { join } from 'node:path';
import { type GuestRamDescriptor, openRamBlockSync } from '@multifd/core';
import { describe, expect, it } from 'vitest';
import { channelsTls } from '../support/host.js';
import { move } from '../support/pair.js';
import { createGuestRam, FILLS, MIB } from '../support/ram.js';
import { line, testFolder, usualTls } from '../support/tls.js';

const ONE_MIB = { name: 'pc.ram', length: MIB };
const X509 = {
  version: 'TLSv1.3',
  cipher: expect.stringMatching(/^TLS_AES_|^TLS_CHACHA20_/),
  verified: true,
};

describe('with TLS', () => {
  it.each([1, 2, 4])(
    'a guest moves over %i channels, and both ends say who the other is',
    async (channels) => {
      const { client, server } = await usualTls();
      const { sent, received } = await move({
        guest: { ram: createGuestRam({ seed: 1 }) },
        parameters: { multifdChannels: channels },
        source: { tls: client },
        destination: { tls: server },
      });
      expect(sent.tls).toEqual({ ...X509, name: 'CN=server.example', channels: channelsTls });
      expect(received.tls).toEqual({ ...X509, name: 'CN=source.example,O=Example', channels: channelsTls });
    },
  );

  it('a guest moves over a unix socket', async () => {
    const { client, server } = await usualTls();
    const { received } = await move({
      guest: { ram: createGuestRam({ seed: 2 }) },
      source: { tls: { ...client, hostname: 'localhost' } },
      destination: { tls: server, listen: `unix:${join(testFolder(), 'socket')}` },
    });
    expect(received.tls).toMatchObject({ verified: true, channels: channelsTls });
  });

  it.each([true, false])('the wire carries 64 bytes of the guest in a row: with TLS %s', async (withTls) => {
    const { client, server } = await usualTls();
    const ram = createGuestRam({ seed: 3, fill: FILLS['none zero'] ?? (() => {}), blocks: [ONE_MIB] });
    let seen: Awaited<ReturnType<typeof line>> | undefined;
    await move({
      guest: { ram },
      source: withTls ? { tls: client } : {},
      destination: withTls ? { tls: server } : {},
      listening: async ({ address }) => {
        seen = await line(address);
        return seen.address;
      },
    });
    const connections = seen?.connections ?? [];
    expect(connections).toHaveLength(3);
    const wire = Buffer.concat(connections.flatMap(({ sent, answered }) => [...sent, ...answered]));
    expect(wire.length).toBeGreaterThan(MIB);
    // The same search finds the guest where there is no TLS.
    expect(hasRun(wire, ram)).toBe(!withTls);
  });
});

/** Whether 64 bytes in a row are the guest's: among them are 32 that begin at a multiple of 32 there. */
function hasRun(wire: Buffer, ram: GuestRamDescriptor): boolean {
  const pieces = new Map<number, string>();
  for (const descriptor of ram.blocks) {
    const guest = Buffer.from(openRamBlockSync(descriptor).read(0, descriptor.length, new Uint8Array(0)));
    for (let at = 0; at < guest.length; at += 32)
      pieces.set(guest.readUInt32LE(at), guest.toString('latin1', at, at + 32));
  }
  for (let at = 0; at + 32 <= wire.length; at++) {
    const piece = pieces.get(wire.readUInt32LE(at));
    if (piece !== undefined && piece === wire.toString('latin1', at, at + 32)) return true;
  }
  return false;
}

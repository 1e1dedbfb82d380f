import { connect, type Socket } from 'node:net';
import { testSeed } from '@multifd/testing/random';
import { describe, expect, it } from 'vitest';
import { encodeReturnPathMessage, encodeShut, RETURN_PATH } from '../../src/public/wire.js';
import { serve } from '../support/ends.js';
import { expectFailure } from '../support/outcome.js';
import { goTo, move, tryToMove } from '../support/pair.js';
import { createGuestRam, MIB } from '../support/ram.js';

const SAYS = 'the destination says: ';
const seed = testSeed();
const newGuest = () => ({ ram: createGuestRam({ seed, blocks: [{ name: 'pc.ram', length: 2 * MIB }] }) });
const patient = { setupTimeout: 30_000, stallTimeout: 30_000 };

interface Line {
  readonly main: Socket;
  readonly channels: Socket[];
}

/** A destination of this test's own. @param act called when main and one channel have said something. */
function fake(act: (line: Line) => void): Promise<string> {
  const all: Socket[] = [];
  return serve((socket) => {
    all.push(socket);
    socket.once('data', () => {
      socket.resume();
      const [main, ...channels] = all;
      if (main !== undefined && channels.includes(socket)) act({ main, channels });
    });
  });
}

async function sendTo(address: string, maxBandwidth = 0) {
  const { sent } = await tryToMove({
    guest: newGuest(),
    parameters: { ...patient, multifdChannels: 1, maxBandwidth },
    listening: goTo(address),
  });
  return sent;
}

const reason = (value: unknown): Uint8Array =>
  encodeReturnPathMessage(RETURN_PATH.REASON, Buffer.from(JSON.stringify(value)));
const NO = reason({ code: 'incompatible', message: 'no' });

describe('which connection ends first is chance', () => {
  it('a channel, and main says why a little later', async () => {
    const address = await fake(({ main, channels }) => {
      channels[0]?.destroy();
      setTimeout(() => main.end(NO), 300);
    });
    expectFailure(await sendTo(address), 'incompatible', /^the destination says: no$/);
  });

  it('main says why, and a channel ends a little later', async () => {
    const address = await fake(({ main, channels }) => {
      main.write(NO);
      setTimeout(() => channels[0]?.destroy(), 300);
    });
    expectFailure(await sendTo(address, 64 * 1024), 'incompatible', /^the destination says: no$/);
  });

  it('a channel, and main ends without a word: the channel came first', async () => {
    const address = await fake(({ main, channels }) => {
      channels[0]?.destroy();
      setTimeout(() => main.destroy(), 300);
    });
    const error = expectFailure(await sendTo(address), 'peer-closed', /^channel 0: /);
    expect(error.hint).toMatch(/multifd-channels.* must fit/);
  });

  it('a channel, and main stays: nobody waits for ever', async () => {
    const address = await fake(({ channels }) => void channels[0]?.destroy());
    expectFailure(await sendTo(address), 'peer-closed', /^channel 0: /);
  });
});

describe('a source believes no more of a reason than a text', () => {
  it.each([
    ['empty', encodeReturnPathMessage(RETURN_PATH.REASON, new Uint8Array(0))],
    ['binary', encodeReturnPathMessage(RETURN_PATH.REASON, Buffer.alloc(4096, 0xfe))],
    ['no text', reason({ code: 'io', message: 7 })],
  ])('%s: as without one', async (_what, bytes) => {
    const address = await fake(({ main }) => main.end(Buffer.concat([bytes, encodeShut(1)])));
    const error = expectFailure(await sendTo(address), 'peer-closed', /the destination failed \(SHUT 1/);
    expect(error.message).not.toContain(SAYS);
  });

  it.each(['cancelled', 'usage', 'internal', 'io', 7])('code %s is not its own', async (code) => {
    const bytes = Buffer.concat([reason({ code, message: 'no', guest: 'destination' }), encodeShut(1)]);
    const error = expectFailure(await sendTo(await fake(({ main }) => main.end(bytes))), 'peer-closed');
    expect(error.message).toBe(`${SAYS}no`);
    expect(error).toMatchObject({ guest: 'source', hint: 'the guest is intact here' });
  });

  it('more than 4096 bytes are not read', async () => {
    const bytes = encodeReturnPathMessage(RETURN_PATH.REASON, Buffer.alloc(4097, 0x20));
    expectFailure(await sendTo(await fake(({ main }) => main.end(bytes))), 'protocol', /length at byte 2/);
  });

  it('it does not make SHUT(0) come in time', async () => {
    const bytes = Buffer.concat([NO, encodeShut(0)]);
    const error = expectFailure(await sendTo(await fake(({ main }) => main.end(bytes))), 'protocol');
    expect(error.guest).toBe('source');
  });

  it('many of them, and nothing that fails: the migration completes', async () => {
    let first = true;
    const { sent } = await move({
      guest: newGuest(),
      parameters: { multifdChannels: 1 },
      listening: (incoming) => {
        const port = Number(incoming.address.split(':').at(-1));
        return serve((socket) => {
          const onward = connect({ port, host: '127.0.0.1' });
          for (const each of [socket, onward]) each.on('error', () => each.destroy());
          socket.on('close', () => onward.destroy());
          // Main is the first.
          if (first) for (let count = 0; count < 100; count++) socket.write(NO);
          first = false;
          socket.pipe(onward).pipe(socket);
        });
      },
    });
    expect(sent.status).toBe('completed');
  });
});

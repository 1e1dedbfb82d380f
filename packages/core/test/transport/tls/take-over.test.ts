import { closeSync, fstatSync, openSync } from 'node:fs';
import { Duplex } from 'node:stream';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { ByteStream } from '../../../src/transport/byte-stream.js';
import type { BlockingTlsSocket, SocketIo } from '../../../src/transport/socket-io.js';
import type { Detached } from '../../../src/transport/tls/port-stream.js';
import { takeOverTls } from '../../../src/transport/tls/take-over.js';

const SUITE = 'TLS_AES_256_GCM_SHA384';
const USERS = { multifdChannels: 1, multifdCompression: 'none' } as const;

/** A file that stands for a socket of another thread's. */
function descriptor(): { readonly fd: number; readonly inode: bigint } {
  const fd = openSync(import.meta.filename, 'r');
  onTestFinished(() => closeSync(fd));
  return { fd, inode: fstatSync(fd, { bigint: true }).ino };
}

class Stream extends Duplex implements ByteStream {
  readonly suite: string | undefined;
  readonly bytesRead = 0;
  readonly #session: Detached;
  stayed = 0;

  constructor(suite: string | undefined, session: Detached) {
    super({ read() {}, write: (_bytes, _encoding, done) => done() });
    this.suite = suite;
    this.#session = session;
  }

  setKeepAlive(): void {}

  detach(): Promise<Detached> {
    return Promise.resolve(this.#session);
  }

  stays(): void {
    this.stayed += 1;
  }
}

/** A host that opens whatever it is given. */
function hostThat(seen: { closed: number; secret: string }): SocketIo {
  const secured: BlockingTlsSocket = {
    send() {},
    receive: () => 0,
    end() {},
    close: () => void seen.closed++,
    isCut: false,
  };
  return {
    specVersion: 1,
    name: 'test',
    createInterrupt: () => ({ id: 1, fire() {}, close() {} }),
    open: () => secured,
    tlsSuites: [SUITE],
    openTls: (_fd, _interrupt, { receiving }) => {
      seen.secret = Buffer.from(receiving?.secret ?? []).toString('hex');
      return secured;
    },
  };
}

function session(inode?: bigint) {
  const own = descriptor();
  const secret = Buffer.alloc(48, 7);
  return { ...own, inode: inode ?? own.inode, suite: SUITE, secret, received: Buffer.alloc(0), taken: 0 };
}

describe('a connection of another thread that is taken over', () => {
  it('is the host’s, and its secret is overwritten here', async () => {
    const seen = { closed: 0, secret: '' };
    const given = session();
    const { by } = await takeOverTls(new Stream(SUITE, given), hostThat(seen), 1, USERS);
    expect([by, seen.closed, seen.secret]).toEqual(['host', 0, '07'.repeat(48)]);
    expect(given.secret.every((byte) => byte === 0)).toBe(true);
  });

  it('is refused if the descriptor is another file’s by now', async () => {
    const seen = { closed: 0, secret: '' };
    const taking = takeOverTls(new Stream(SUITE, session(1n)), hostThat(seen), 1, USERS);
    await expect(taking).rejects.toMatchObject({ code: 'peer-closed' });
    expect(seen.closed).toBe(1);
  });

  it('stays with Node where the host does not know the suite, and then nothing is kept', async () => {
    const seen = { closed: 0, secret: '' };
    const stream = new Stream(undefined, 'stays');
    expect(await takeOverTls(stream, hostThat(seen), 1, USERS)).toEqual({ by: 'node' });
    expect(stream.stayed).toBe(1);
  });
});

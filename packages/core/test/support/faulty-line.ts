import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** One connection that goes through the proxy. */
export interface Link {
  /** Towards the source. */
  readonly near: Socket;
  /** Towards the destination. */
  readonly far: Socket;
  role: 'main' | 'channel' | undefined;
}

/** A proxy between two ends that can break connections in every way that a network can. */
export class FaultyLine {
  readonly links: Link[] = [];
  readonly #server: Server;
  readonly #port: number;
  #onRole: (() => void) | undefined;

  private constructor(port: number) {
    this.#port = port;
    this.#server = createServer({ noDelay: true, allowHalfOpen: true }, (near) => this.#join(near));
  }

  /**
   * @param address `tcp:127.0.0.1:PORT` of the destination.
   * @param path where it listens, for a source whose bytes do not vanish in the large buffers of TCP. Default: on TCP.
   */
  static async open(address: string, path?: string): Promise<FaultyLine> {
    const proxy = new FaultyLine(Number(address.split(':').at(-1)));
    if (path === undefined) proxy.#server.listen(0, '127.0.0.1');
    else proxy.#server.listen(path);
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get address(): string {
    const bound = this.#server.address();
    if (typeof bound === 'string') return `unix:${bound}`;
    return `tcp:127.0.0.1:${bound?.port ?? 0}`;
  }

  /** The first link of this role, as soon as it is there. */
  async link(role: 'main' | 'channel'): Promise<Link> {
    for (;;) {
      const found = this.links.find((link) => link.role === role);
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => {
        this.#onRole = resolve;
      });
    }
  }

  /** From now on the source hears nothing on main: what the destination says is read and dropped. */
  async muteDestination(): Promise<void> {
    const { far } = await this.link('main');
    far.unpipe();
    far.resume();
  }

  /** Drops everything. */
  close(): void {
    this.#server.close();
    for (const { near, far } of this.links) {
      near.destroy();
      far.destroy();
    }
  }

  #join(near: Socket): void {
    const far = connect({ host: '127.0.0.1', port: this.#port, noDelay: true, allowHalfOpen: true });
    const link: Link = { near, far, role: undefined };
    this.links.push(link);
    near.once('data', (first: Uint8Array) => {
      link.role = first[0] === 0x51 ? 'main' : 'channel';
      this.#onRole?.();
    });
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      from.on('error', () => to.destroy());
      from.on('close', () => to.destroy());
      from.pipe(to);
    }
  }
}

/** Faults by name: what is done to a migration's connections. */
export const FAULTS: Readonly<Record<string, (proxy: FaultyLine) => Promise<void>>> = {
  'main is reset': async (proxy) => reset(await proxy.link('main')),
  'a channel is reset': async (proxy) => reset(await proxy.link('channel')),
  'main is closed': async (proxy) => end(await proxy.link('main')),
  'a channel is closed': async (proxy) => end(await proxy.link('channel')),
  'every connection is reset': async (proxy) => {
    await proxy.link('main');
    for (const link of proxy.links) reset(link);
  },
  'garbage on main': async (proxy) => void (await proxy.link('main')).far.write(garbage()),
  'garbage on a channel': async (proxy) => void (await proxy.link('channel')).far.write(garbage()),
  'garbage on the return path': async (proxy) => void (await proxy.link('main')).near.write(garbage()),
};

function garbage(): Uint8Array {
  return new Uint8Array(4096).fill(0xa5);
}

function reset({ near, far }: Link): void {
  near.unpipe();
  far.unpipe();
  near.resetAndDestroy();
  far.resetAndDestroy();
}

function end({ near, far }: Link): void {
  near.unpipe();
  far.unpipe();
  near.end();
  far.end();
}

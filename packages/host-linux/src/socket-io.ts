import type {
  BlockingSocket,
  BlockingTlsSocket,
  Interrupt,
  NonBlockingSocket,
  QueueLimits,
  Readiness,
  SocketIo,
} from '@multifd/core/host';
import { MultifdError } from '@multifd/core/host';
import type { NativeInterrupt, NativeSocket, NativeTlsSocket } from './binding.js';
import { requireBinding } from './load.js';
import { attempt } from './native-error.js';

/** What `waitAny` of the binding answers, by its numbers. */
const READINESS: readonly Readiness[] = ['waits', 'ready', 'gone'];

/**
 * Blocking I/O on sockets, straight from and into guest memory. A peer that ends its sending side while this side
 * sends counts as gone: on a channel nothing ever comes back.
 */
export const socketIo: SocketIo = {
  specVersion: 1,
  name: 'host-linux',
  createInterrupt() {
    const { NativeInterrupt } = requireBinding();
    return new LinuxInterrupt(attempt(() => new NativeInterrupt()));
  },
  open(fd, interrupt) {
    const { NativeSocket } = requireBinding();
    return new LinuxSocket(attempt(() => new NativeSocket(fd, interrupt)));
  },
  nonBlocking: {
    open(fd, interrupt) {
      const { NativeSocket } = requireBinding();
      return new LinuxNonBlockingSocket(
        attempt(() => new NativeSocket(fd, interrupt)),
        fd,
      );
    },
    waitAny(sockets, interrupt, timeout) {
      const { waitAny } = requireBinding();
      const descriptors = sockets.map(({ socket }) => descriptorOf(socket));
      const sends = sockets.map((each) => each.sends);
      const states = attempt(() => waitAny(interrupt, descriptors, sends, timeout));
      return states.map((state) => READINESS[state] ?? 'waits');
    },
  },
  tlsSuites: ['TLS_AES_256_GCM_SHA384', 'TLS_AES_128_GCM_SHA256', 'TLS_CHACHA20_POLY1305_SHA256'],
  openTls(fd, interrupt, { suite, sending, receiving }) {
    const { NativeTlsSocket } = requireBinding();
    return attempt(() => {
      const native = new NativeTlsSocket(fd, interrupt);
      try {
        if (sending !== undefined) native.sends(suite, sending.secret);
        if (receiving !== undefined) {
          native.receives(suite, receiving.secret, receiving.received, receiving.taken);
        }
        return new LinuxTlsSocket(native);
      } catch (error) {
        native.close();
        throw error;
      }
    });
  },
};

class LinuxInterrupt implements Interrupt {
  readonly id: number;
  readonly #native: NativeInterrupt;

  constructor(native: NativeInterrupt) {
    this.id = native.number();
    this.#native = native;
  }

  fire(): void {
    this.#native.fire();
  }

  close(): void {
    this.#native.close();
  }
}

class LinuxSocket implements BlockingSocket {
  readonly #native: NativeSocket;

  constructor(native: NativeSocket) {
    this.#native = native;
  }

  send(vectors: readonly Uint8Array[], stallTimeout: number): void {
    attempt(() => this.#native.send(vectors, stallTimeout));
  }

  receive(targets: readonly Uint8Array[], timeout: number): number {
    return attempt(() => this.#native.receive(targets, timeout));
  }

  limitQueues({ unsent, unread }: QueueLimits): void {
    attempt(() => this.#native.limitQueues(unsent, unread));
  }

  close(): void {
    this.#native.close();
  }
}

class LinuxNonBlockingSocket implements NonBlockingSocket {
  readonly descriptor: number;
  readonly #native: NativeSocket;

  constructor(native: NativeSocket, descriptor: number) {
    this.#native = native;
    this.descriptor = descriptor;
  }

  trySend(vectors: readonly Uint8Array[]): number {
    return attempt(() => this.#native.trySend(vectors));
  }

  tryReceive(targets: readonly Uint8Array[]): number | undefined {
    const count = attempt(() => this.#native.tryReceive(targets));
    return count < 0 ? undefined : count;
  }

  limitQueues({ unsent, unread }: QueueLimits): void {
    attempt(() => this.#native.limitQueues(unsent, unread));
  }

  close(): void {
    this.#native.close();
  }
}

function descriptorOf(socket: NonBlockingSocket): number {
  if (socket instanceof LinuxNonBlockingSocket) return socket.descriptor;
  throw new MultifdError('usage', 'waitAny: a socket that host-linux did not open');
}

class LinuxTlsSocket extends LinuxSocket implements BlockingTlsSocket {
  readonly #native: NativeTlsSocket;

  constructor(native: NativeTlsSocket) {
    super(native);
    this.#native = native;
  }

  end(stallTimeout: number): void {
    attempt(() => this.#native.end(stallTimeout));
  }

  get isCut(): boolean {
    return this.#native.isCut();
  }
}

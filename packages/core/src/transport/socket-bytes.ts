import { Socket } from 'node:net';

/** Bytes taken from a socket, whatever way they come. */
export interface SocketBytes {
  readonly socket: Socket;
  /** File descriptor of a connection that nobody else reads from while it is paused; undefined if there is none. */
  readonly fd: number | undefined;
  /** Lets the kernel fill memory again, after `deliver` said no. */
  resume(): void;
}

/** Who takes a socket's bytes. */
export interface BytesConsumer {
  /** Where the next bytes should go, if this socket can put them there: at least one byte long. */
  target(): Uint8Array;
  /**
   * `bytes` have come: the front of what `target` gave, or memory of their own. False: no more until `resume`.
   */
  deliver(bytes: Uint8Array): boolean;
}

/**
 * Takes over a socket that no one has read from, so that the kernel writes what arrives straight into the
 * consumer's memory (`onread`), guest RAM as a rule: a third of the processor time of `data` events, measured in
 * docs/benchmarks.md.
 *
 * Node offers `onread` only for a socket that is being constructed, not for one that was accepted and posted to
 * another thread. So this constructs a new Socket around the same handle. That the handle can be had is not
 * documented; where it cannot, the result is undefined and `streamSocket` does the same with one copy more.
 */
export function adoptSocket(accepted: Socket, consumer: BytesConsumer): SocketBytes | undefined {
  const handle: unknown = Reflect.get(accepted, '_handle');
  if (typeof handle !== 'object' || handle === null) return undefined;
  if (typeof Reflect.get(handle, 'useUserBuffer') !== 'function') return undefined;
  const onread = {
    buffer: () => consumer.target(),
    callback: (count: number, buffer: Uint8Array) => consumer.deliver(buffer.subarray(0, count)),
  };
  const socket: unknown = Reflect.construct(Socket, [{ handle, onread }]);
  if (!(socket instanceof Socket)) return undefined;
  // From here on the handle has one owner.
  Reflect.set(accepted, '_handle', null);
  return { socket, fd: fdOf(handle), resume: () => void socket.resume() };
}

/** The documented way: Node's own buffers, copied by the consumer. */
export function streamSocket(accepted: Socket, consumer: BytesConsumer): SocketBytes {
  accepted.on('data', (chunk: Uint8Array) => {
    if (!consumer.deliver(chunk)) accepted.pause();
  });
  return { socket: accepted, fd: undefined, resume: () => void accepted.resume() };
}

/**
 * The descriptor of a connected socket, which stays the socket's. Not documented by Node either: undefined where it
 * cannot be had, and then Node's own streams do the work.
 */
export function socketFd(socket: Socket): number | undefined {
  const handle: unknown = Reflect.get(socket, '_handle');
  return typeof handle === 'object' && handle !== null ? fdOf(handle) : undefined;
}

function fdOf(handle: object): number | undefined {
  const fd: unknown = Reflect.get(handle, 'fd');
  return typeof fd === 'number' && fd >= 0 ? fd : undefined;
}

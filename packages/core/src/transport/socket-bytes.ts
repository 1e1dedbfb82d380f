import { Socket } from 'node:net';
import type { ByteStream } from './byte-stream.js';

/** A socket that delivers its bytes to a `BytesConsumer`. */
export interface SocketBytes {
  readonly socket: ByteStream;
  /** Descriptor to read from while the socket is paused, when nothing else does; undefined if there is none. */
  readonly fd: number | undefined;
  /** Resumes reading, after `deliver` returned false. */
  resume(): void;
}

/** Takes a socket's bytes. */
export interface BytesConsumer {
  /** Memory for the next bytes, if the socket can read straight into it: at least one byte long. */
  target(): Uint8Array;
  /**
   * `bytes` have arrived: at the start of what `target` returned, or in memory of their own. Returns false to pause
   * until `resume`.
   */
  deliver(bytes: Uint8Array): boolean;
}

/**
 * Takes over an unread socket, so that the kernel writes arriving bytes straight into the consumer's memory
 * (`onread`), guest RAM as a rule: a third of the CPU time of `data` events, measured in docs/benchmarks.md.
 *
 * Node offers `onread` only when a socket is constructed, not for one that was accepted and posted to another thread.
 * So this constructs a new Socket around the same handle. The handle is undocumented; where there is none, this
 * returns undefined and `streamSocket` does the job with one more copy.
 */
export function adoptSocket(accepted: ByteStream, consumer: BytesConsumer): SocketBytes | undefined {
  const handle: unknown = Reflect.get(accepted, '_handle');
  if (typeof handle !== 'object' || handle === null) return undefined;
  if (typeof Reflect.get(handle, 'useUserBuffer') !== 'function') return undefined;
  const onread = {
    buffer: () => consumer.target(),
    callback: (count: number, buffer: Uint8Array) => consumer.deliver(buffer.subarray(0, count)),
  };
  const socket: unknown = Reflect.construct(Socket, [{ handle, onread }]);
  if (!(socket instanceof Socket)) return undefined;
  // The new socket now owns the handle alone.
  Reflect.set(accepted, '_handle', null);
  return { socket, fd: fdOf(handle), resume: () => void socket.resume() };
}

/** Uses Node's documented API: Node's own buffers, which the consumer copies. */
export function streamSocket(accepted: ByteStream, consumer: BytesConsumer): SocketBytes {
  accepted.on('data', (chunk: Uint8Array) => {
    if (!consumer.deliver(chunk)) accepted.pause();
  });
  return { socket: accepted, fd: undefined, resume: () => void accepted.resume() };
}

/**
 * The descriptor of a connected socket, which keeps owning it. Undocumented by Node too: where it is undefined,
 * callers use Node's streams.
 */
export function socketFd(socket: Socket): number | undefined {
  const handle: unknown = Reflect.get(socket, '_handle');
  return typeof handle === 'object' && handle !== null ? fdOf(handle) : undefined;
}

/**
 * Makes Node stop to read a paused socket at once, since by itself it reads on until its buffer is full; or read it again, which
 * `resume` does not do then. Undocumented too; there is a descriptor (`socketFd`) where there is this.
 */
export function switchReading(socket: Socket, on: boolean): void {
  const handle: unknown = Reflect.get(socket, '_handle');
  if (typeof handle !== 'object' || handle === null) return;
  const call: unknown = Reflect.get(handle, on ? 'readStart' : 'readStop');
  if (typeof call !== 'function') return;
  Reflect.apply(call, handle, []);
  Reflect.set(handle, 'reading', on);
}

function fdOf(handle: object): number | undefined {
  const fd: unknown = Reflect.get(handle, 'fd');
  return typeof fd === 'number' && fd >= 0 ? fd : undefined;
}

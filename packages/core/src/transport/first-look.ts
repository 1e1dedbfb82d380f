import { readSync, writeSync } from 'node:fs';
import type { Socket } from 'node:net';
import type { MultifdError } from '../errors.js';
import { socketFd } from './socket-bytes.js';

/** Most bytes that the API thread reads of a connection before a thread takes it: the size of its staging buffer. */
export const MOST_LOOKED_AT = 16 * 1024;

/** What has arrived on a connection since the last look. Bytes are valid until the next look at any connection. */
export type Look =
  | Uint8Array
  | 'nothing'
  | 'ended'
  | 'broken'
  /** Of TLS: the client is refused. */
  | MultifdError;

/** Reads the first bytes of a connection in the API thread, without waiting. */
export interface FirstLook {
  /** Whether the socket can still be handed to another thread. */
  readonly untouched: boolean;
  /** @param most bytes, at least 1. */
  read(most: number): Look;
  /** Sends a few bytes without waiting. False if not all of them have left. */
  write(bytes: Uint8Array): boolean;
}

const scratch = new Uint8Array(MOST_LOOKED_AT);

/**
 * Reads from the socket's descriptor, behind Node's back, so that the socket can still be posted to another thread:
 * the caller passes on what was read. One system call a look, about 4 µs; the caller polls, as no event reports data.
 */
export class DescriptorLook implements FirstLook {
  readonly untouched = true;
  readonly #socket: Socket;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  read(most: number): Look {
    // Looked up each time: once Node closes a socket, its number may belong to another file.
    const fd = socketFd(this.#socket);
    if (fd === undefined) return 'broken';
    try {
      const count = readSync(fd, scratch, 0, Math.min(most, scratch.length), null);
      return count === 0 ? 'ended' : scratch.subarray(0, count);
    } catch (error) {
      const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined;
      return code === 'EAGAIN' || code === 'EINTR' ? 'nothing' : 'broken';
    }
  }

  write(bytes: Uint8Array): boolean {
    const fd = socketFd(this.#socket);
    if (fd === undefined) return false;
    try {
      return writeSync(fd, bytes) === bytes.length;
    } catch {
      return false;
    }
  }
}

/** Reads through Node's stream where there is no descriptor (Windows); the socket must then stay in this thread. */
export class StreamLook implements FirstLook {
  readonly untouched = false;
  readonly #socket: Socket;
  readonly #broken: () => boolean;

  constructor(socket: Socket) {
    this.#socket = socket;
    let broken = false;
    this.#broken = () => broken || socket.destroyed;
    socket.on('error', () => {
      broken = true;
    });
    // Without a `data` listener nothing flows: `readable` fills the stream's own buffer, and no more.
    socket.on('readable', () => {});
  }

  read(most: number): Look {
    const bytes: unknown = this.#socket.read(Math.min(most, Math.max(1, this.#socket.readableLength)));
    if (bytes instanceof Uint8Array) return bytes;
    if (this.#socket.readableEnded) return 'ended';
    return this.#broken() ? 'broken' : 'nothing';
  }

  write(bytes: Uint8Array): boolean {
    this.#socket.write(bytes);
    return !this.#broken();
  }
}

/** @param byDescriptor false: use Node's documented API only. */
export function firstLook(socket: Socket, byDescriptor: boolean): FirstLook {
  return byDescriptor && socketFd(socket) !== undefined ? new DescriptorLook(socket) : new StreamLook(socket);
}

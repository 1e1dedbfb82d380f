import { MultifdError } from '../errors.js';
import { loadExport } from '../load-export.js';
import { firedAtExit } from '../thread/fired-at-exit.js';
import type { Interrupt } from '../thread/interrupt.js';

/**
 * Blocking I/O on connected sockets, for threads that have nothing else to do meanwhile: what a package for one
 * operating system exports as `socketIo`. Without one, Node's own streams do the work.
 */
export interface SocketIo {
  readonly specVersion: 1;
  /** For reports: `host-linux`. */
  readonly name: string;
  /** In the API thread: what ends the waits of one migration's sockets. */
  createInterrupt(): Interrupt;
  /**
   * @param fd a connected, non-blocking stream socket. It stays the caller's, who keeps it open until `close` here.
   * @param interrupt `Interrupt.id`, of any thread of this process.
   */
  open(fd: number, interrupt: number): BlockingSocket;
}

/** A socket whose calls block their thread. Not to be shared between threads. */
export interface BlockingSocket {
  /**
   * Sends all bytes of `vectors`, in order, straight from where they are. Returns when the kernel has taken them all:
   * then they may be used again.
   * @param stallTimeout ms that may pass without a single byte leaving.
   * @throws MultifdError `cancelled`, `timeout`, `peer-closed` (the other end is gone, also while this waits), or `io`
   *   (memory that cannot be read).
   */
  send(vectors: readonly Uint8Array[], stallTimeout: number): void;
  /**
   * Waits until something has come, and fills `targets` in order with what is there.
   * @param timeout ms to wait; Infinity: for ever.
   * @returns bytes, at least 1, or 0 if the other end has closed.
   * @throws as `send`; `io` for memory that cannot be written.
   */
  receive(targets: readonly Uint8Array[], timeout: number): number;
  /** Frees what this took; the socket itself stays open. May be called twice. */
  close(): void;
}

/** How a migration's threads find its blocking I/O. */
export interface SocketIoLink {
  readonly module: string;
  /** `Interrupt.id`. */
  readonly interrupt: number;
}

/** One migration's blocking I/O, owned by its API thread; undefined if Node's streams do the work. */
export interface MigrationIo {
  readonly link: SocketIoLink;
  readonly interrupt: Interrupt;
}

/** @throws MultifdError `io` if the module has none to offer. */
export async function prepareSocketIo(module: string | undefined): Promise<MigrationIo | undefined> {
  if (module === undefined) return undefined;
  const interrupt = firedAtExit((await loadSocketIo(module)).createInterrupt());
  return { link: { module, interrupt: interrupt.id }, interrupt };
}

/** Imports a module's `socketIo` in this thread. @throws MultifdError `io` if there is none to be had. */
export async function loadSocketIo(module: string): Promise<SocketIo> {
  const io = await loadExport(module, 'socketIo', 'io');
  if (isSocketIo(io)) return io;
  throw new MultifdError('io', `${module} exports no socketIo of specVersion 1`);
}

function isSocketIo(value: unknown): value is SocketIo {
  if (typeof value !== 'object' || value === null) return false;
  return (
    Reflect.get(value, 'specVersion') === 1 &&
    typeof Reflect.get(value, 'open') === 'function' &&
    typeof Reflect.get(value, 'createInterrupt') === 'function'
  );
}

import { MultifdError } from '../errors.js';
import { loadExport } from '../load-export.js';
import { firedAtExit } from '../thread/fired-at-exit.js';
import type { Interrupt } from '../thread/interrupt.js';
import type { QueueLimits } from './queue-limits.js';

/**
 * Blocking I/O on connected sockets, for threads with nothing else to do. A package for one operating system exports
 * it as `socketIo`. Without one, connections use Node's streams.
 */
export interface SocketIo {
  readonly specVersion: 1;
  /** For reports: `host-linux`. */
  readonly name: string;
  /** API thread: creates the interrupt that ends the waits of one migration's sockets. */
  createInterrupt(): Interrupt;
  /**
   * @param fd a connected, non-blocking stream socket. The caller owns it and keeps it open until `close` here.
   * @param interrupt `Interrupt.id`, from any thread of this process.
   */
  open(fd: number, interrupt: number): BlockingSocket;
  /** For threads that several channels share. Without it each channel has a thread. */
  readonly nonBlocking?: NonBlockingIo;
  /** Cipher suites that `openTls` knows, by IANA's names. Absent: none. */
  readonly tlsSuites?: readonly string[];
  /**
   * Takes over a TLS 1.3 connection whose handshake Node has done. Node neither reads nor writes it from then on, in a
   * direction that is taken over.
   * @param fd as for `open`, but the caller may close it before `close` here.
   * @throws MultifdError `io`, or `internal` for a session that is not as it must be.
   */
  openTls?(fd: number, interrupt: number, session: TlsSession): BlockingTlsSocket;
}

/** What a handshake has agreed on. A direction that is absent stays where it is. */
export interface TlsSession {
  /** One of `tlsSuites`. */
  readonly suite: string;
  /**
   * Nobody has sent with this secret, and nobody else will: two records under one key and number would be one nonce twice, with
   * which AES-GCM protects nothing. Even so the first record is a KeyUpdate, so that what follows is under a secret that
   * whoever did the handshake has never used.
   */
  readonly sending?: {
    /** The first application traffic secret of this direction (RFC 8446, 7.1). The caller overwrites it afterwards. */
    readonly secret: Uint8Array;
  };
  readonly receiving?: {
    readonly secret: Uint8Array;
    /** All bytes that have come on the connection, the handshake's too. */
    readonly received: Uint8Array;
    /** Decrypted bytes of them that were read already. */
    readonly taken: number;
  };
}

/** A socket whose calls block their thread. Not to be shared between threads. */
export interface BlockingSocket {
  /**
   * Sends all bytes of `vectors`, in order, without copying them. Returns when the kernel has taken them all: the
   * caller may then reuse them.
   * @param stallTimeout ms that may pass without a single byte leaving.
   * @throws MultifdError `cancelled`, `timeout`, `peer-closed` (the peer is gone, also while this waits), or `io`
   *   (memory that cannot be read).
   */
  send(vectors: readonly Uint8Array[], stallTimeout: number): void;
  /**
   * Waits for bytes, and fills `targets` in order with what has arrived.
   * @param timeout ms to wait; Infinity: no limit.
   * @returns number of bytes, at least 1, or 0 if the peer has closed.
   * @throws as `send`; `io` for memory that cannot be written.
   */
  receive(targets: readonly Uint8Array[], timeout: number): number;
  /**
   * Limits the bytes of a TCP connection that wait in the kernel. Optional: a matter of speed alone.
   * @throws MultifdError `io` if the kernel refuses.
   */
  limitQueues?(limits: QueueLimits): void;
  /** Of TLS: the peer has ended without saying so. Valid once `receive` has returned 0. */
  readonly isCut?: boolean;
  /** Frees this object's resources; the socket itself stays open. May be called twice. */
  close(): void;
}

/** As `BlockingSocket`, with TLS. */
export interface BlockingTlsSocket extends BlockingSocket {
  /**
   * Says that nothing more follows (close_notify), closes this direction, and drops what has come unread, which would reset the
   * connection when it is closed. @throws as `send`.
   */
  end(stallTimeout: number): void;
  readonly isCut: boolean;
}

/** Sockets of a thread that several channels share: nothing waits but `waitAny`, for all of them. */
export interface NonBlockingIo {
  /** As `SocketIo.open`. */
  open(fd: number, interrupt: number): NonBlockingSocket;
  /**
   * Waits until one of `sockets` can go on, or its peer is gone.
   * @param interrupt `Interrupt.id`.
   * @param timeout ms; Infinity: no limit.
   * @returns for each what it can do; if all wait, time is up.
   * @throws MultifdError `cancelled`, or `io`.
   */
  waitAny(sockets: readonly WaitingSocket[], interrupt: number, timeout: number): readonly Readiness[];
}

/** `gone`: it waits to send, and its peer has closed the connection or broken it. */
export type Readiness = 'waits' | 'ready' | 'gone';

export interface WaitingSocket {
  readonly socket: NonBlockingSocket;
  /** It waits to send; else, to receive. */
  readonly sends: boolean;
}

/** As `BlockingSocket`, but its calls do not wait. Not to be shared between threads. */
export interface NonBlockingSocket {
  /**
   * Sends of `vectors`, in order, what the kernel takes at once, without copying it. It may take bytes for a peer that is
   * gone: `waitAny` tells.
   * @returns number of bytes, which the caller may reuse.
   * @throws MultifdError as `BlockingSocket.send`.
   */
  trySend(vectors: readonly Uint8Array[]): number;
  /**
   * Fills `targets` in order with what has arrived.
   * @returns number of bytes, 0 if the peer has closed, undefined if nothing has come.
   * @throws MultifdError as `BlockingSocket.receive`.
   */
  tryReceive(targets: readonly Uint8Array[]): number | undefined;
  limitQueues?(limits: QueueLimits): void;
  /** As `BlockingSocket.close`. */
  close(): void;
}

/** How a migration's threads find its blocking I/O. */
export interface SocketIoLink {
  readonly module: string;
  /** `Interrupt.id`. */
  readonly interrupt: number;
  /** As in `SocketIo`. */
  readonly tlsSuites: readonly string[];
  /** Whether it has `nonBlocking`. */
  readonly shares: boolean;
}

/** One migration's blocking I/O, owned by its API thread; undefined if Node's streams do the work. */
export interface MigrationIo {
  /** `SocketIo.name`. */
  readonly name: string;
  /** Suites with which it does TLS; none: it does not. */
  readonly tlsSuites: readonly string[];
  readonly link: SocketIoLink;
  readonly interrupt: Interrupt;
}

/**
 * Loads the module's blocking I/O and creates its interrupt.
 * @throws MultifdError `io` if the module exports none.
 */
export async function prepareSocketIo(module: string | undefined): Promise<MigrationIo | undefined> {
  if (module === undefined) return undefined;
  const io = await loadSocketIo(module);
  const interrupt = firedAtExit(io.createInterrupt());
  const { name, tlsSuites = [], nonBlocking } = io;
  const link = { module, interrupt: interrupt.id, tlsSuites, shares: nonBlocking !== undefined };
  return { name, tlsSuites, link, interrupt };
}

/** Imports a module's `socketIo` in this thread. @throws MultifdError `io` if the module exports none. */
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

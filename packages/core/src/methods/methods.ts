import type { RamBlock } from '../ram/block.js';
import type { Probe } from '../zero/accelerator.js';

/**
 * QEMU's MultiFDMethods: converts a packet's normal pages to payload and back. A method changes the wire format, so
 * both ends must use the same one. State is per channel: core calls `sendSetup` or `recvSetup` once in each channel's
 * worker thread, with `auto` when the first packet needs it, and they return that channel's hooks.
 *
 * A module that provides methods exports them as `methods: readonly MultiFDMethods[]`.
 */
export interface MultiFDMethods {
  readonly specVersion: 1;
  /** The value of `multifd-compression`: `none`, `zlib`. Lower case, unique. */
  readonly name: string;
  /**
   * The compression bits in a packet's flags, unique: for QEMU's methods QEMU's own (0x02 `zlib`, 0x04 `zstd`, 0x08
   * `qpl`, 0x10 `uadk`, 0x20 `qatzip`); for any other at least two of the bits of 0x3e, a combination no QEMU sends.
   */
  readonly flag: number;
  /**
   * Settings that programs may offer to users; `MethodOptions.settings` holds the given values, which core has checked
   * against the ranges. Absent: the method may read settings of any name, and validates them itself.
   */
  readonly settings?: readonly MethodSetting[];
  /** Whether it can run here; if not, why and what to do, one line each. May be called repeatedly, in any thread. */
  probe(): Probe | Promise<Probe>;
  /** @throws MultifdError `usage` for a setting that is out of range. */
  sendSetup(options: MethodOptions): SendHooks | Promise<SendHooks>;
  recvSetup(options: MethodOptions): RecvHooks | Promise<RecvHooks>;
}

/** A whole number that a user may set. */
export interface MethodSetting {
  /** Lower case, digits and `-`: QEMU's name (`multifd-zlib-level`), or one that begins with the method's name. */
  readonly name: string;
  /** Range of valid values, inclusive. */
  readonly least: number;
  readonly most: number;
  /** Default value. */
  readonly usual: number;
  /** What it does, in a few words. */
  readonly help: string;
}

export interface MethodOptions {
  readonly channel: number;
  /** Bytes. */
  readonly pageSize: number;
  /** Most pages in a packet. */
  readonly maxPages: number;
  /**
   * The user's settings for all methods, under QEMU's names (`multifd-zlib-level`). A method reads its own and
   * ignores the others.
   */
  readonly settings: Readonly<Record<string, number | string>>;
}

/** One packet's normal pages, on the way out. */
export interface OutgoingPages {
  /** The pages' block, for reading only: reads do not count as sent. `vectors` is what is sent. */
  readonly block: RamBlock;
  /** Byte offsets in the block; the first `count` are normal pages. */
  readonly offsets: Float64Array;
  /** Number of normal pages: 1 to `maxPages`. A packet without normal pages has no payload and is never prepared. */
  readonly count: number;
  /** The pages' bytes, adjacent pages merged: guest memory itself where possible. The guest may be writing to it. */
  readonly vectors: readonly Uint8Array[];
}

export interface SendHooks {
  /**
   * Returns the payload: vectors to send in order. The method must not change them until `release` is called; vectors
   * of guest memory may change.
   */
  prepare(pages: OutgoingPages): PreparedPayload | Promise<PreparedPayload>;
  cleanup(): void | Promise<void>;
}

export interface PreparedPayload {
  readonly vectors: readonly Uint8Array[];
  /** Bytes in all `vectors`: the packet's `next_packet_size`. */
  readonly size: number;
  /** Called when the bytes have been sent: the method may reuse its buffers. */
  readonly release?: () => void;
}

/** Reads a payload's bytes: exactly as many as the packet declared, not one more. */
export interface PayloadReader {
  /** Unread bytes of the payload. */
  readonly remaining: number;
  /** Fills all of `target`. @throws MultifdError if the channel ends first, or `remaining` is too small. */
  read(target: Uint8Array): Promise<void>;
  /** Fills all of `targets`, in order: one wait, and one system call, for many of them. @throws as `read`. */
  readInto(targets: readonly Uint8Array[]): Promise<void>;
}

/** One packet's normal pages, on the way in. All offsets are checked against the block. */
export interface IncomingPages {
  readonly block: RamBlock;
  readonly offsets: Float64Array;
  readonly count: number;
  /** The declared payload size in bytes. */
  readonly payloadSize: number;
}

export interface RecvHooks {
  /** Largest payload in bytes that a packet of `count` normal pages may declare; more is refused unread. */
  maxPayload(count: number): number;
  /**
   * Reads the whole payload and writes the pages, and nothing else. One packet at a time.
   * @throws Error for an invalid payload, in one line: core prefixes channel and packet, and ends the migration.
   */
  recv(pages: IncomingPages, payload: PayloadReader): Promise<void>;
  cleanup(): void | Promise<void>;
}

export interface MethodModule {
  readonly methods: readonly MultiFDMethods[];
}

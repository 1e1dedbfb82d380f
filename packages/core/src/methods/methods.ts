import type { RamBlock } from '../ram/block.js';
import type { Probe } from '../zero/accelerator.js';

/**
 * QEMU's MultiFDMethods: how a packet's normal pages become payload and back. A method changes the wire, so
 * both ends must use the same one. State hangs off the channel: `sendSetup` and `recvSetup` are called once in
 * each channel's worker thread and give that channel's hooks; under `auto`, when the first packet needs them.
 *
 * A module that provides methods exports them as `methods: readonly MultiFDMethods[]`.
 */
export interface MultiFDMethods {
  readonly specVersion: 1;
  /** The value of `multifd-compression`: `none`, `zlib`. Lower case, unique. */
  readonly name: string;
  /**
   * The compression bits in a packet's flags, unique: QEMU's own for a method of QEMU's (0x02 `zlib`, 0x04 `zstd`,
   * 0x08 `qpl`, 0x10 `uadk`, 0x20 `qatzip`), for any other at least two of the bits of 0x3e, which no QEMU sends.
   */
  readonly flag: number;
  /**
   * What a user may set, for programs that offer it: `MethodOptions.settings` has what was given. Default: nothing. A
   * method checks again what it is given.
   */
  readonly settings?: readonly MethodSetting[];
  /** Whether it can run here, and if not, why and what to do, one line each. May be asked again, in any thread. */
  probe(): Probe | Promise<Probe>;
  /** @throws MultifdError `usage` for a setting that is out of range. */
  sendSetup(options: MethodOptions): SendHooks | Promise<SendHooks>;
  recvSetup(options: MethodOptions): RecvHooks | Promise<RecvHooks>;
}

/** A whole number that a user may set. */
export interface MethodSetting {
  /** Lower case, digits and `-`: QEMU's name (`multifd-zlib-level`), or one that begins with the method's own. */
  readonly name: string;
  /** The range that is taken, ends included. */
  readonly least: number;
  readonly most: number;
  /** The value without the user's word. */
  readonly usual: number;
  /** What it does, a few words. */
  readonly help: string;
}

export interface MethodOptions {
  readonly channel: number;
  /** Bytes. */
  readonly pageSize: number;
  /** Most pages in a packet. */
  readonly maxPages: number;
  /**
   * Settings of every method that the user gave, under QEMU's names (`multifd-zlib-level`). A method looks at its own
   * and ignores the others.
   */
  readonly settings: Readonly<Record<string, number | string>>;
}

/** One packet's normal pages, on the way out. */
export interface OutgoingPages {
  /** For looking, as far as a method likes: nothing of that counts as sent. What is sent is `vectors`. */
  readonly block: RamBlock;
  /** Byte offsets in the block; the first `count` are normal pages. */
  readonly offsets: Float64Array;
  /** Normal pages: 1 to `maxPages`. A packet without normal pages has no payload and is never prepared. */
  readonly count: number;
  /** The pages' bytes, neighbours merged: the guest's memory itself where it can be. The guest may be writing. */
  readonly vectors: readonly Uint8Array[];
}

export interface SendHooks {
  /**
   * Gives the payload: vectors to be sent in order. They stay as they are until `release` says otherwise, or
   * are guest memory.
   */
  prepare(pages: OutgoingPages): PreparedPayload | Promise<PreparedPayload>;
  cleanup(): void | Promise<void>;
}

export interface PreparedPayload {
  readonly vectors: readonly Uint8Array[];
  /** Bytes in all `vectors`: the packet's `next_packet_size`. */
  readonly size: number;
  /** Called when the bytes have left, so that a buffer can be used again. */
  readonly release?: () => void;
}

/** Where a payload's bytes come from: exactly as many as the packet declared, not one more. */
export interface PayloadReader {
  /** Bytes of the payload not yet read. */
  readonly remaining: number;
  /** Fills all of `target`. @throws MultifdError if the channel ends first, or `remaining` is too small. */
  read(target: Uint8Array): Promise<void>;
}

/** One packet's normal pages, on the way in. Every offset has been checked against the block. */
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
   * Reads the whole payload and places the pages, and nothing beyond them. One packet at a time.
   * @throws Error for a payload that is wrong, in one line: it ends the migration, with channel and packet before it.
   */
  recv(pages: IncomingPages, payload: PayloadReader): Promise<void>;
  cleanup(): void | Promise<void>;
}

export interface MethodModule {
  readonly methods: readonly MultiFDMethods[];
}

import type { HostBlockDescriptor } from './host-block.js';
import type { SharedWasmMemory } from './shared-wasm-memory.js';

/**
 * A RAM block: one named, page-aligned piece of guest memory (QEMU's RAMBlock). It is described by a small
 * descriptor that can be posted to any thread, and opened there.
 */
export type RamBlockDescriptor = MemoryBlockDescriptor | FileBlockDescriptor | HostBlockDescriptor;

/** Guest memory in this process: segments of shared memory, every one `segmentSize` long but the last. */
export interface MemoryBlockDescriptor {
  readonly kind: 'memory';
  /** QEMU's block name, 1 to 255 bytes of UTF-8 without NUL: `pc.ram`. */
  readonly name: string;
  /** Used length in bytes, a multiple of the page size, at least one page. */
  readonly length: number;
  /** Bytes; a power of two, a multiple of every page size. A page never crosses segments. */
  readonly segmentSize: number;
  /** Page-aligned if they can be; they may be longer than what they hold. */
  readonly segments: readonly SharedArrayBuffer[];
  /**
   * The WebAssembly memories that the segments are the buffers of, one for each, if they are: an accelerator in
   * WebAssembly can then look at pages in place. `allocateGuestRam` makes such.
   */
  readonly wasmMemories?: readonly SharedWasmMemory[];
}

/** Guest memory in a file: a whole image, or a part of a file that holds more. */
export interface FileBlockDescriptor {
  readonly kind: 'file';
  readonly name: string;
  readonly length: number;
  readonly path: string;
  /**
   * A descriptor of this process that has the file open: then every thread uses it, so that all reach the same file
   * whatever becomes of its name, and `path` is only for messages. Its owner closes it when no thread has the block open
   * any more: before that, its number could come to mean another file. Absent: each thread opens `path`.
   */
  readonly fd?: number;
  readonly writable: boolean;
  /** Byte offset in the file of the block's first byte. Default 0. */
  readonly fileOffset?: number;
  /**
   * The block's data, as pairs of byte offsets in the block [start, end), ascending and apart; the rest are holes,
   * which are zero without being read. Absent: nothing is known and everything is read.
   */
  readonly extents?: Float64Array;
}

/**
 * A RAM block as one thread has it open, to look at and to write to. To look marks nothing as sent, whoever does it and
 * how often: what reads in order to send has a `SendingBlock`. Not to be shared between threads: share the descriptor.
 */
export interface RamBlock {
  readonly name: string;
  readonly length: number;
  /**
   * Bytes that can be seen as one piece: a window [offset, offset + n) is good if it does not cross a multiple
   * of this. Power of two.
   */
  readonly windowSize: number;
  /** Whether `read` gives guest memory itself (true), or a copy in `scratch` (false). */
  readonly inPlace: boolean;
  /**
   * Bytes [offset, offset + length), within one window. The result is guest memory itself when `inPlace`, else
   * the front of `scratch` (at least `length` long), which the caller owns.
   * @throws MultifdError `io` if the backing cannot be read or has become shorter.
   */
  read(offset: number, length: number, scratch: Uint8Array): Uint8Array;
  /** Guest memory itself, to be written to by the caller; undefined if not `inPlace`. */
  window(offset: number, length: number): Uint8Array | undefined;
  /** The WebAssembly memory that the window at `offset` is a view into, if it is in one. */
  wasmMemory?(offset: number): SharedWasmMemory | undefined;
  /** Writes `bytes` at `offset`. @throws MultifdError `io` (disk full, read-only). */
  write(offset: number, bytes: Uint8Array): void;
  /** Makes [offset, offset + length) read as zero, and gives its memory back where that is cheaper. */
  zero(offset: number, length: number): void;
  /**
   * How many bytes from `offset` on (up to `length`) are known to be zero without a look: positive if so, negative
   * for bytes that have to be looked at. Never 0 for a length above 0. What it says of memory that is written to was
   * true at some moment during the call: never kept from an earlier one.
   */
  absent(offset: number, length: number): number;
  /**
   * Whether everything that was read and written so far, in any thread, was really the block's memory. Asked before
   * what was read or written is vouched for.
   * @throws MultifdError `io` if not: the file below a mapping became shorter, its disk is full.
   */
  intact?(): void;
  close(): void;
}

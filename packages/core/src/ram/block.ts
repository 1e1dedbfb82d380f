import type { HostBlockDescriptor } from './host-block.js';
import type { SharedWasmMemory } from './shared-wasm-memory.js';

/**
 * A RAM block: one named, page-aligned piece of guest memory (QEMU's RAMBlock). This small descriptor can be posted
 * to any thread and opened there.
 */
export type RamBlockDescriptor = MemoryBlockDescriptor | FileBlockDescriptor | HostBlockDescriptor;

/** Guest memory in this process: segments of shared memory, all `segmentSize` long except the last. */
export interface MemoryBlockDescriptor {
  readonly kind: 'memory';
  /** QEMU's block name, 1 to 255 bytes of UTF-8 without NUL: `pc.ram`. */
  readonly name: string;
  /** Used length in bytes, a multiple of the page size, at least one page. */
  readonly length: number;
  /** Bytes; a power of two, at least 4 MiB (4194304): the engine works on pieces of that size. A page never crosses segments. */
  readonly segmentSize: number;
  /** Page-aligned where possible; may be longer than the part of the block that they hold. */
  readonly segments: readonly SharedArrayBuffer[];
  /**
   * The WebAssembly memories whose buffers the segments are, one for each: an accelerator in WebAssembly can then
   * check pages in place. `allocateGuestRam` creates them. Absent: the segments are plain buffers.
   */
  readonly wasmMemories?: readonly SharedWasmMemory[];
}

/** Guest memory in a file: a whole image, or a part of a larger file. */
export interface FileBlockDescriptor {
  readonly kind: 'file';
  readonly name: string;
  readonly length: number;
  readonly path: string;
  /**
   * A descriptor of this process that has the file open. Every thread then uses it, so that all reach the same file
   * even if it is renamed, and `path` is only for messages. Its owner closes it after all threads have closed the
   * block: otherwise its number could come to mean another file. Absent: each thread opens `path`.
   */
  readonly fd?: number;
  readonly writable: boolean;
  /** Byte offset in the file of the block's first byte. Default 0. */
  readonly fileOffset?: number;
  /**
   * The block's data, as pairs of byte offsets in the block [start, end), ascending and disjoint; the rest is absent,
   * known to be zero without a read. Undefined: nothing is known, and everything is read.
   */
  readonly extents?: Float64Array;
}

/**
 * `anonymous`: memory of this process, in small or in huge pages. `memfd`: shared memory with a descriptor. `file`: a mapping of
 * a file, shared or private, whose pages its file system may want back.
 */
export type MemoryBacking = 'anonymous' | 'memfd' | 'file';

/**
 * A RAM block that one thread has open for reading and writing. Reads never mark anything as sent: to read in order
 * to send, use a `SendingBlock`. Do not share it between threads: share the descriptor.
 */
export interface RamBlock {
  readonly name: string;
  readonly length: number;
  /**
   * Window size in bytes, a power of two: [offset, offset + n) is a valid window if it does not cross a multiple of
   * this.
   */
  readonly windowSize: number;
  /** What lies behind the memory, if it is known: accelerators are told before they pin it. */
  readonly backing?: MemoryBacking;
  /** Whether `read` returns guest memory itself (true), or a copy in `scratch` (false). */
  readonly inPlace: boolean;
  /**
   * Returns bytes [offset, offset + length), within one window: guest memory itself if `inPlace`, else the first
   * `length` bytes of `scratch` (at least `length` long), which the caller owns.
   * @throws MultifdError `io` if the backing cannot be read or has become shorter.
   */
  read(offset: number, length: number, scratch: Uint8Array): Uint8Array;
  /** Guest memory itself, which the caller may write; undefined if not `inPlace`. */
  window(offset: number, length: number): Uint8Array | undefined;
  /** The WebAssembly memory that the window at `offset` is a view into, if any. */
  wasmMemory?(offset: number): SharedWasmMemory | undefined;
  /** Writes `bytes` at `offset`. @throws MultifdError `io` (disk full, read-only). */
  write(offset: number, bytes: Uint8Array): void;
  /** Makes [offset, offset + length) read as zero; frees its memory instead of writing it where that is cheaper. */
  zero(offset: number, length: number): void;
  /**
   * Announces pages that are about to be written: the first `count` of `offsets`, ascending, `pageSize` bytes each. Only a
   * hint, so that memory can be taken in larger pieces before the first of them is touched.
   */
  announce?(offsets: Float64Array, count: number, pageSize: number): void;
  /**
   * How many bytes from `offset` on (up to `length`) are absent, known to be zero without a read: positive for absent
   * bytes, negative for bytes that must be read. Never 0 for a length above 0. For memory that is being written, the
   * answer held at some moment during the call: it is never cached from an earlier one.
   */
  absent(offset: number, length: number): number;
  /**
   * Checks that all reads and writes so far, in any thread, reached the block's memory. Called before vouching for
   * what was read or written.
   * @throws MultifdError `io` if not: the file behind a mapping became shorter, its disk is full.
   */
  intact?(): void;
  close(): void;
}

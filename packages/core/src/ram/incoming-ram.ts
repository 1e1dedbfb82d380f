import type { RamBlockDescriptor } from './block.js';

/** A RAM block as the source announced it. */
export interface IncomingBlock {
  readonly name: string;
  /** Bytes. */
  readonly length: number;
}

/** The blocks that receive incoming RAM. */
export interface IncomingRam {
  /** One descriptor for each announced block, same name and length, any order. All writable. */
  readonly blocks: readonly RamBlockDescriptor[];
  /** Whether all of it is known to read as zero now: zero pages that have received no content are then not written. */
  readonly allZero: boolean;
  /**
   * For each of `blocks`, in their order, a `DirtyBitmap` of the caller's, of its own: a page is marked after it was written or made zero.
   * Whoever takes a mark and reads the page then finds it marked again if it was written meanwhile. Default: none are kept.
   */
  readonly changedPages?: readonly SharedArrayBuffer[];
}

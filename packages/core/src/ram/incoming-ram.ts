import type { RamBlockDescriptor } from './block.js';

/** A RAM block as the source announced it. */
export interface IncomingBlock {
  readonly name: string;
  /** Bytes. */
  readonly length: number;
}

/** Where incoming RAM goes. */
export interface IncomingRam {
  /** One descriptor for each announced block, same name and length, any order. All writable. */
  readonly blocks: readonly RamBlockDescriptor[];
  /** Whether all of it is known to read as zero now: then a zero page that comes first is not touched. */
  readonly fresh: boolean;
}

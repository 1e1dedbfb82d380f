import type { FileBlockDescriptor, IncomingBlock, IncomingRam, ReceiveResult } from '@multifd/core';

/** Where `receive` keeps a guest, on the disk. It is there under its name only when all of it is. */
export interface IncomingTarget {
  /** Makes room for the announced blocks. @throws MultifdError `usage` for what is already there, `io`. */
  openRam(blocks: readonly IncomingBlock[]): IncomingRam;
  /**
   * Brings it to the disk and gives it its name; nothing may write to it any more. To be called once: a second
   * fsync after one that failed proves nothing.
   * @returns how to read the blocks, without their holes.
   * @throws MultifdError `io`
   */
  keep(received: ReceiveResult): Promise<readonly FileBlockDescriptor[]>;
  /** Removes what is not complete. Does nothing after `keep`. */
  discard(): void;
}

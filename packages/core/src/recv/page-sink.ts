import type { RamBlock } from '../ram/block.js';
import type { RamPacket } from '../wire/ram-packet.js';

/** Takes the pages that one thread of a destination receives. One packet at a time. */
export interface PageSink {
  /** The block of that name, with what packet checks need; undefined if there is none. */
  find(blockName: string): { readonly name: string; readonly length: number } | undefined;
  /**
   * Returns the block that receives the normal pages of a checked packet. May wait for room. The caller does not
   * change the packet until `received`.
   */
  begin(packet: RamPacket): RamBlock | Promise<RamBlock>;
  /** All normal pages of the packet have been received into `begin`'s block; the sink handles its zero pages. */
  received(packet: RamPacket): void;
  /**
   * Runs of zero pages of a checked packet, pairs of byte offset and length; the caller owns the packet. Absent: this end
   * takes none.
   */
  zeroRuns?(packet: RamPacket): void;
  /** Zero pages received over main; `offsets` are checked and owned by the caller. */
  zeroPages(blockName: string, offsets: Float64Array, count: number): void | Promise<void>;
  /** A page received over main; `data` is owned by the caller. */
  page(blockName: string, offset: number, data: Uint8Array): void | Promise<void>;
  /** @throws MultifdError `io` if not everything received so far reached memory (see `RamBlock.intact`). */
  intact(): void;
  close(): void;
}

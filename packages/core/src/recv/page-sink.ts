import type { RamBlock } from '../ram/block.js';
import type { RamPacket } from '../wire/ram-packet.js';

/** Where one thread of a destination puts the pages that it receives. One packet at a time. */
export interface PageSink {
  /** The block of that name, as far as checking a packet needs it; undefined if there is none. */
  find(blockName: string): { readonly name: string; readonly length: number } | undefined;
  /**
   * Where the normal pages of a checked packet go. May wait until there is room. The packet stays as it is until
   * `placed`.
   */
  begin(packet: RamPacket): RamBlock | Promise<RamBlock>;
  /** All normal pages of the packet are where `begin` said; its zero pages are the sink's to place. */
  placed(packet: RamPacket): void;
  /** Zero pages that came over main; offsets have been checked and are the caller's. */
  zeroPages(blockName: string, offsets: Float64Array, count: number): void | Promise<void>;
  /** A page that came over main; `data` is the caller's. */
  page(blockName: string, offset: number, data: Uint8Array): void | Promise<void>;
  /** @throws MultifdError `io` if what was placed so far did not all reach memory (see `RamBlock.intact`). */
  intact(): void;
  close(): void;
}

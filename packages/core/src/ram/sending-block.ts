import type { RamBlock, RamBlockDescriptor } from './block.js';
import { openRamBlock } from './guest-ram.js';
import { openHostBlockToSend } from './host-block.js';

/**
 * A RAM block that one sending thread of a source has open. What it reads with `readToSend` counts as sent: a tracker
 * may compare memory with it from then on, so a page that is read here but not sent would be lost. Hence the separate
 * type: code that only reads (a sample, a digest, a codec, an accelerator) uses `block`, whose reads no tracker
 * records.
 */
export interface SendingBlock {
  /** The same memory, for reading only. Closed by `close`. */
  readonly block: RamBlock;
  /** Whether `readToSend` returns guest memory itself and records nothing; else it returns a copy in `scratch`. */
  readonly inPlace: boolean;
  /**
   * Returns bytes [offset, offset + length), within one window of `block`. If not `inPlace`, they must be whole
   * pages, and the caller must send all of them as they are in the result, or as zero pages if they are zero; or else
   * fail the migration.
   * @param scratch at least `length` long, owned by the caller.
   * @throws MultifdError `io` if the backing cannot be read or has become shorter.
   */
  readToSend(offset: number, length: number, scratch: Uint8Array): Uint8Array;
  /**
   * As `RamBlock.absent`, for a sender that sends absent pages as zero pages without a read. If not `inPlace`, it
   * reports as absent only pages that were also zero when last sent.
   */
  absentToSend(offset: number, length: number): number;
  /** Closes `block` too. */
  close(): void;
}

/** Makes a `SendingBlock` of a block without a tracker: `readToSend` is a plain read. */
export function sendAsIs(block: RamBlock): SendingBlock {
  return {
    block,
    inPlace: block.inPlace,
    readToSend: (offset, length, scratch) => block.read(offset, length, scratch),
    absentToSend: (offset, length) => block.absent(offset, length),
    close: () => block.close(),
  };
}

/**
 * Opens a block in a thread that sends it. The descriptor must have passed `checkGuestRam`.
 * @throws MultifdError `io` if it cannot be opened.
 */
export async function openToSend(descriptor: RamBlockDescriptor): Promise<SendingBlock> {
  return descriptor.kind === 'host'
    ? openHostBlockToSend(descriptor)
    : sendAsIs(await openRamBlock(descriptor));
}

import type { RamBlock, RamBlockDescriptor } from './block.js';
import { openRamBlock } from './guest-ram.js';
import { openHostBlockToSend } from './host-block.js';

/**
 * A RAM block as one thread of a source has it open that sends it, and nobody else. What is read with `readToSend`
 * counts as sent: a tracker may compare memory with it from then on, and a page that was read here and not sent would
 * be lost. So it is a type of its own: whoever only looks (a sample, a digest, a codec, an accelerator) has `block`, of
 * which no tracker takes note.
 */
export interface SendingBlock {
  /** The same memory, for looking. Closed by `close`. */
  readonly block: RamBlock;
  /** Whether `readToSend` gives guest memory itself, and takes no note; else it gives a copy in `scratch`. */
  readonly inPlace: boolean;
  /**
   * Bytes [offset, offset + length), within one window of `block`. If it is not `inPlace`: whole pages, all of which
   * the caller sends as they are in the result, or as zero pages if they are; or the migration fails.
   * @param scratch at least `length` long, the caller's.
   * @throws MultifdError `io` if the backing cannot be read or has become shorter.
   */
  readToSend(offset: number, length: number, scratch: Uint8Array): Uint8Array;
  /**
   * As `RamBlock.absent`, for a sender that sends such pages as zero pages without a read: if it is not `inPlace`,
   * absent are only pages that were zero also when they were last sent.
   */
  absentToSend(offset: number, length: number): number;
  /** Closes `block` too. */
  close(): void;
}

/** For memory of which nobody takes note: it is sent as it is looked at. */
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
 * @throws MultifdError `io` if it is not to be had.
 */
export async function openToSend(descriptor: RamBlockDescriptor): Promise<SendingBlock> {
  return descriptor.kind === 'host'
    ? openHostBlockToSend(descriptor)
    : sendAsIs(await openRamBlock(descriptor));
}

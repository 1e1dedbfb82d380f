import type { RamBlockDescriptor } from '../ram/block.js';
import type { SendingBlock } from '../ram/sending-block.js';
import type { AttachedBlock } from './detector.js';

/** What a detector is told of the blocks that its thread has open. */
export function attachedBlocks(
  descriptors: readonly RamBlockDescriptor[],
  blocks: readonly SendingBlock[],
): readonly AttachedBlock[] {
  return blocks.map((sending, index) => {
    const { name, length, backing } = sending.block;
    const kind = descriptors[index]?.kind ?? 'memory';
    const pieces = piecesOf(sending);
    const isKnown = backing !== undefined && pieces.length > 0;
    return { name, length, kind, ...(isKnown ? { backing } : {}), pieces };
  });
}

/** Empty if any of it would be read by copy: then batches lie in the copies. */
function piecesOf({ block, inPlace }: SendingBlock): readonly Uint8Array<SharedArrayBuffer>[] {
  if (!inPlace || !block.inPlace) return [];
  const pieces: Uint8Array<SharedArrayBuffer>[] = [];
  for (let offset = 0; offset < block.length; offset += block.windowSize) {
    const window = block.window(offset, Math.min(block.windowSize, block.length - offset));
    if (window === undefined || !(window.buffer instanceof SharedArrayBuffer)) return [];
    pieces.push(new Uint8Array(window.buffer, window.byteOffset, window.length));
  }
  return pieces;
}

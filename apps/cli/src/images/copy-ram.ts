import {
  DirtyBitmap,
  type GuestRamDescriptor,
  MultifdError,
  openRamBlock,
  type RamBlock,
} from '@multifd/core';

/** Bytes in one step. Divides every window. */
const STEP = 2 ** 20;

/** Pages that may hold content, of RAM that nobody writes to: those that are not known to be absent. A bitmap for each block. */
export async function markContent({ blocks, pageSize }: GuestRamDescriptor): Promise<SharedArrayBuffer[]> {
  const marked: SharedArrayBuffer[] = [];
  for (const descriptor of blocks) {
    const block = await openRamBlock(descriptor);
    const bitmap = DirtyBitmap.allocate(block.length / pageSize);
    try {
      for (const [from, to] of present(block))
        bitmap.markRange(Math.floor(from / pageSize), Math.ceil(to / pageSize) - Math.floor(from / pageSize));
    } finally {
      block.close();
    }
    marked.push(bitmap.buffer);
  }
  return marked;
}

/**
 * Copies the pages that are not zero, into RAM that reads as zero.
 * @returns which these are: a bitmap for each block.
 * @throws MultifdError `io`, `protocol`, `cancelled`.
 */
export async function copyRam(
  from: GuestRamDescriptor,
  to: GuestRamDescriptor,
  signal: AbortSignal,
  onProgress: (share: number) => void,
): Promise<SharedArrayBuffer[]> {
  const { pageSize } = from;
  const total = from.blocks.reduce((sum, { length }) => sum + length, 0);
  const copied: SharedArrayBuffer[] = [];
  let done = 0;
  for (const [index, descriptor] of from.blocks.entries()) {
    const written = to.blocks[index];
    if (written === undefined) throw new MultifdError('internal', `RAM block ${descriptor.name}: no target`);
    const [source, target] = [await openRamBlock(descriptor), await openRamBlock(written)];
    const bitmap = DirtyBitmap.allocate(source.length / pageSize);
    try {
      for (const [start, end] of present(source)) {
        for (let at = start; at < end; at += STEP) {
          // What the user wants, and what the terminal shows, gets a turn.
          await new Promise((resolve) => setImmediate(resolve));
          if (signal.aborted) throw new MultifdError('cancelled', 'interrupted', { cause: signal.reason });
          copyStep(source, target, at, Math.min(STEP, end - at), pageSize, bitmap);
          onProgress((done + at) / total);
        }
      }
    } finally {
      source.close();
      target.close();
    }
    done += source.length;
    copied.push(bitmap.buffer);
  }
  return copied;
}

const ZEROS = new Uint8Array(STEP);
const SCRATCH = new Uint8Array(STEP);

/** Runs of pages that are not zero, each written in one go. */
function copyStep(
  source: RamBlock,
  target: RamBlock,
  at: number,
  length: number,
  pageSize: number,
  copied: DirtyBitmap,
): void {
  const bytes = source.read(at, length, SCRATCH);
  const isZero = (offset: number) =>
    Buffer.compare(bytes.subarray(offset, offset + pageSize), ZEROS.subarray(0, pageSize)) === 0;
  for (let offset = 0; offset < length; offset += pageSize) {
    if (isZero(offset)) continue;
    const first = offset;
    while (offset + pageSize < length && !isZero(offset + pageSize)) offset += pageSize;
    const end = offset + pageSize;
    target.write(at + first, bytes.subarray(first, end));
    copied.markRange((at + first) / pageSize, (end - first) / pageSize);
  }
}

/** Byte ranges that are not known to be absent. */
function* present(block: RamBlock): Generator<readonly [number, number], void> {
  for (let at = 0; at < block.length; ) {
    const known = block.absent(at, block.length - at);
    if (known < 0) yield [at, at - known];
    at += Math.abs(known);
  }
}

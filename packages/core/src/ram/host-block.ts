import { MultifdError } from '../errors.js';
import { loadExport } from '../load-export.js';
import type { RamBlock } from './block.js';
import type { SendingBlock } from './sending-block.js';

/**
 * Guest memory that another package provides: a mapping, a device's memory. Plain data; each thread opens it by
 * importing the module, so the memory must be reachable from any thread of this process.
 */
export interface HostBlockDescriptor {
  readonly kind: 'host';
  /** QEMU's block name, 1 to 255 bytes of UTF-8 without NUL: `pc.ram`. */
  readonly name: string;
  /** Used length in bytes, a multiple of the page size, at least one page. */
  readonly length: number;
  /** Module that exports `hostBlocks` (`HostBlocks`), as a URL that any thread can import. */
  readonly module: string;
  /** Identifies the memory to the module, in the module's own terms. */
  readonly handle: Readonly<Record<string, string | number | boolean>>;
}

/** What a module that provides guest memory exports as `hostBlocks`. */
export interface HostBlocks {
  readonly specVersion: 1;
  /**
   * Opens a block in this thread. The block must stay valid until its `close`, and views into it until they are
   * garbage-collected, whatever other threads close meanwhile.
   * @throws MultifdError `io` or `usage` if it cannot be opened (any more).
   */
  open(descriptor: HostBlockDescriptor): RamBlock;
  /**
   * Opens a block in a thread that sends it. A tracker, if the block has one, records reads through this block only.
   * For a block without a tracker, pass the result of `open` to `sendAsIs`.
   */
  openToSend(descriptor: HostBlockDescriptor): SendingBlock;
}

/** Opens a block of another package in this thread. @throws MultifdError `io` if its module cannot be used. */
export async function openHostBlock(descriptor: HostBlockDescriptor): Promise<RamBlock> {
  return (await blocksOf(descriptor)).open(descriptor);
}

/** Opens it in a thread that sends it. @throws MultifdError `io` if its module cannot be used. */
export async function openHostBlockToSend(descriptor: HostBlockDescriptor): Promise<SendingBlock> {
  return (await blocksOf(descriptor)).openToSend(descriptor);
}

async function blocksOf({ name, module }: HostBlockDescriptor): Promise<HostBlocks> {
  const blocks = await loadExport(module, 'hostBlocks', 'io');
  if (!isHostBlocks(blocks)) {
    throw new MultifdError('io', `RAM block ${name}: ${module} exports no hostBlocks of specVersion 1`);
  }
  return blocks;
}

function isHostBlocks(value: unknown): value is HostBlocks {
  if (typeof value !== 'object' || value === null) return false;
  return (
    Reflect.get(value, 'specVersion') === 1 &&
    ['open', 'openToSend'].every((name) => typeof Reflect.get(value, name) === 'function')
  );
}

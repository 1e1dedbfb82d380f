/// <reference types="node" preserve="true" />
/**
 * Guest memory: RAM blocks, their windows, dirty bitmaps. All of it is in `@multifd/core` too; a thread that writes to a
 * guest's memory, as a vCPU's, starts faster without the engine.
 * @module @multifd/core/ram
 */
export { MultifdError } from '../errors.js';
export * from '../ram/block.js';
export { DirtyBitmap } from '../ram/dirty-bitmap.js';
export {
  type AllocatedGuestRam,
  allocateGuestRam,
  checkGuestRam,
  type GuestRamDescriptor,
  openRamBlock,
  openRamBlockSync,
  withDirtyBitmaps,
} from '../ram/guest-ram.js';
export type { HostBlockDescriptor } from '../ram/host-block.js';
export type { IncomingBlock, IncomingRam } from '../ram/incoming-ram.js';

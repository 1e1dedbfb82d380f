/**
 * The contracts of packages for one operating system: guest memory and sockets.
 * @module @multifd/core/host
 */
export { type AddonPlace, exportsFunctions, type LoadedAddon, loadAddon, platformTriple } from '../addon.js';
export { type ErrorCode, MultifdError } from '../errors.js';
export type { MemoryBacking, RamBlock } from '../ram/block.js';
export { DirtyBitmap } from '../ram/dirty-bitmap.js';
export type { HostBlockDescriptor, HostBlocks } from '../ram/host-block.js';
export { type SendingBlock, sendAsIs } from '../ram/sending-block.js';
export type { Interrupt } from '../thread/interrupt.js';
export type { QueueLimits } from '../transport/queue-limits.js';
export type {
  BlockingSocket,
  BlockingTlsSocket,
  NonBlockingIo,
  NonBlockingSocket,
  Readiness,
  SocketIo,
  TlsSession,
  WaitingSocket,
} from '../transport/socket-io.js';

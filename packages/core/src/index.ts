export { type Address, formatAddress, parseAddress } from './engine/address.js';
export * from './engine/api.js';
export { receive } from './engine/destination/receive.js';
export {
  completeParameters,
  DEFAULT_PARAMETERS,
  type MigrationParameters,
  type ZeroPageDetection,
} from './engine/parameters.js';
export { type Relaying, type RelayOptions, type RelayResult, relay } from './engine/relay/relay.js';
export { migrate } from './engine/source/migrate.js';
export type { DestinationStatistics, SourceStatistics } from './engine/statistics.js';
export { type ErrorCode, type ErrorReport, MultifdError, WireError, type WireFault } from './errors.js';
export * from './methods/methods.js';
export * from './ram/block.js';
export { DirtyBitmap } from './ram/dirty-bitmap.js';
export {
  type AllocatedGuestRam,
  allocateGuestRam,
  checkGuestRam,
  type GuestRamDescriptor,
  openRamBlock,
} from './ram/guest-ram.js';
export type { DeviceSection } from './wire/main/records.js';
export * from './zero/accelerator.js';
export { isAcceleratorName, loadAccelerator } from './zero/load.js';
export type { AcceleratorReplacement } from './zero/page-checker.js';
export {
  type AcceleratorChoice,
  AcceleratorRegistry,
  type ChooseOptions,
  type MeasuredAccelerator,
  type ProbedAccelerator,
  type RefusedAccelerator,
} from './zero/registry.js';

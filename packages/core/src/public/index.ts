/// <reference types="node" preserve="true" />
/**
 * The engine, for programs that migrate a guest. Plug-in contracts have their own subpaths.
 * @module @multifd/core
 */
import { checkVersion } from '../limits/node-version.js';

checkVersion(process.versions.node);

export * from '../engine/api.js';
export { receive } from '../engine/destination/receive.js';
export { type MachineCompat, machineCompat, parametersFor } from '../engine/machine-compat.js';
export { type Relaying, type RelayOptions, type RelayResult, relay } from '../engine/relay/relay.js';
export type { MeasuredMethod, MethodDecision } from '../engine/source/method-decision.js';
export { migrate, startMigration } from '../engine/source/migrate.js';
export type {
  DestinationStatistics,
  DowntimeParts,
  RoundStatistics,
  SourceStatistics,
} from '../engine/statistics.js';
export {
  type ErrorCode,
  type ErrorReport,
  type GuestPlace,
  WireError,
  type WireFault,
} from '../errors.js';
export { checkLimits, NO_THREADS, relayThreads, type ThreadNeeds, threadsOf } from '../limits/needs.js';
export type { Room, SystemLimits } from '../limits/system-limits.js';
export { startThreadPool } from '../limits/thread-pool.js';
export {
  completeParameters,
  DEFAULT_PARAMETERS,
  type LimitAction,
  type MigrationParameters,
  type Wire,
  type ZeroPageDetection,
} from '../parameters.js';
export { type Shortage, shortageOf } from '../shortage.js';
export { type GuestWord, saidByDestination, saidBySource } from '../thread/guest-place.js';
export type { DetectorCounters } from '../thread/offloaded.js';
export { type Address, formatAddress, parseAddress } from '../transport/address.js';
export { listenAt } from '../transport/listen-at.js';
export { isLoopback } from '../transport/loopback.js';
export { parseAuthzRule } from '../transport/tls/authz.js';
export * from '../transport/tls/credentials.js';
export { type CredentialsFolder, loadTlsCredentials } from '../transport/tls/load-credentials.js';
export type { StreamConfiguration } from '../wire/main/configuration.js';
export type { DeviceSection } from '../wire/main/records.js';
export type { AcceleratorReference } from '../zero/accelerator.js';
export * from '../zero/choice.js';
export type { AcceleratorDevice, DeviceFacts } from '../zero/device.js';
export type { AcceleratorOption } from '../zero/option.js';
export type { AcceleratorReplacement } from '../zero/page-checker.js';
export { AcceleratorRegistry } from '../zero/registry.js';
export {
  allowedBy,
  type Setting,
  type Settings,
  type SettingValue,
  type SettingValues,
} from '../zero/settings.js';
export * from './ram.js';

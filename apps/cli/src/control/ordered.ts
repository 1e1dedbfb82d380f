import { DEFAULT_PARAMETERS, type MigrationParameters } from '@multifd/core';
import type { MigrationOrder, SteeredParameters } from '@multifd/qemu';
import type { CommonOptions, MigrateOptions, ReceiveOptions } from '../options/requests.js';

/** What a monitor shows of a command's options. */
export type MonitorOptions = CommonOptions &
  Partial<
    Pick<
      MigrationParameters,
      | 'zeroPageDetection'
      | 'maxBandwidth'
      | 'downtimeLimit'
      | 'autoConverge'
      | 'throttleTriggerThreshold'
      | 'cpuThrottleInitial'
      | 'cpuThrottleIncrement'
      | 'maxCpuThrottle'
    >
  >;

/** The parameters that a monitor shows at first. */
export function steeredParameters(options: MonitorOptions): SteeredParameters {
  const all = { ...DEFAULT_PARAMETERS, ...options };
  return {
    'throttle-trigger-threshold': all.throttleTriggerThreshold,
    'cpu-throttle-initial': all.cpuThrottleInitial,
    'cpu-throttle-increment': all.cpuThrottleIncrement,
    'max-cpu-throttle': all.maxCpuThrottle,
    'multifd-channels': all.multifdChannels,
    'multifd-compression': all.multifdCompression,
    'zero-page-detection': all.zeroPageDetection,
    'max-bandwidth': all.maxBandwidth,
    'downtime-limit': all.downtimeLimit,
  };
}

/** The options with what a client of the monitor has set. */
export function orderedMigrate(
  options: MigrateOptions,
  { parameters, returnPath, autoConverge }: MigrationOrder,
): MigrateOptions {
  const { autoConverge: _before, ...others } = options;
  return {
    ...others,
    ...(autoConverge ? { autoConverge } : {}),
    throttleTriggerThreshold: parameters['throttle-trigger-threshold'],
    cpuThrottleInitial: parameters['cpu-throttle-initial'],
    cpuThrottleIncrement: parameters['cpu-throttle-increment'],
    maxCpuThrottle: parameters['max-cpu-throttle'],
    multifdChannels: parameters['multifd-channels'],
    multifdCompression: parameters['multifd-compression'],
    zeroPageDetection: parameters['zero-page-detection'],
    maxBandwidth: parameters['max-bandwidth'],
    downtimeLimit: parameters['downtime-limit'],
    returnPath,
  };
}

/** The same of a destination. */
export function orderedReceive(options: ReceiveOptions, { parameters }: MigrationOrder): ReceiveOptions {
  return {
    ...options,
    multifdChannels: parameters['multifd-channels'],
    multifdCompression: parameters['multifd-compression'],
  };
}

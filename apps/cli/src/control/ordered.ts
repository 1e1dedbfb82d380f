import type { MigrationOrder } from '@multifd/qemu';
import type { MigrateOptions, ReceiveOptions } from '../options/requests.js';

/** The options with what a client of the monitor has set. */
export function orderedMigrate(
  options: MigrateOptions,
  { parameters, returnPath }: MigrationOrder,
): MigrateOptions {
  return {
    ...options,
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

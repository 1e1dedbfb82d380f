export { QEMU_CAPABILITIES, type QemuCapability } from './capabilities.js';
export { QmpClient, type QmpOptions } from './client.js';
export * from './commands.js';
export type { QmpAddress } from './connect.js';
export { QmpError, type QmpErrorCode } from './error.js';
export type { QemuVersion, QmpEvent } from './messages.js';
export type { MigrationInfo, MigrationRam, QemuMigrationStatus } from './migration-info.js';

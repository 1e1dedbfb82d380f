/**
 * What drives the monitor of a `Qemu`, for tests of other packages too: they take it from here and not from the
 * built package, whose `QmpClient` is another class than the one that `Qemu` has.
 */
export type { QmpClient } from '../../src/qmp/client.js';
export {
  cont,
  humanMonitorCommand,
  migrate,
  migrateIncoming,
  type QemuMigrationParameters,
  queryMachineType,
  queryMigrate,
  queryStatus,
  setCapabilities,
  setParameters,
  stop,
  waitForMigration,
} from '../../src/qmp/commands.js';
export { QmpError } from '../../src/qmp/error.js';

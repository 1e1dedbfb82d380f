export { type MigrationKnown, migrationInfo, type RamAnswer, ramAnswer } from './answers.js';
export { MigrationMonitor } from './migration-monitor.js';
export type { SteeredParameters } from './parameters.js';
export type { MigrationOrder, MonitorTarget } from './target.js';

export {
  type InspectedBlock,
  type InspectedDevice,
  type Inspection,
  inspect,
  inspectFile,
} from './inspect/inspect.js';
export type { DeviceStruct, DeviceValue } from './inspect/values.js';
export { type MappedRamGuest, openMappedRam } from './mapped-ram/guest.js';
export { type MappedRamContent, MappedRamWriter } from './mapped-ram/writer.js';
export * from './qmp/index.js';
export { type ByteSource, FileSource, MemorySource } from './stream/byte-source.js';
export {
  type MigrationFile,
  type ReadOptions,
  readMigrationFile,
  type StreamBlock,
  type StreamDevice,
  type StreamSection,
} from './stream/read.js';

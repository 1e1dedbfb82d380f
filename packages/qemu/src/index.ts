/// <reference types="node" preserve="true" />
import { checkVersion } from './node-version.js';

checkVersion(process.versions.node);

export { type FileKind, kindOf, LONGEST_MAGIC } from './container/kinds.js';
export type { LibvirtFormat } from './container/libvirt.js';
export type { Compression, Container } from './container/locate.js';
export { type DescribedDevices, describedDevices } from './inspect/described.js';
export { type DecodedDevice, decodeDevices } from './inspect/devices.js';
export {
  explainFile,
  type InspectedBlock,
  type InspectedDevice,
  type Inspection,
  inspect,
  inspectFile,
} from './inspect/inspect.js';
export type { DeviceStruct, DeviceValue } from './inspect/values.js';
export { type MappedRamGuest, openMappedRam } from './mapped-ram/guest.js';
export { type MappedRamContent, MappedRamWriter, type OpenFile } from './mapped-ram/writer.js';
export * from './monitor/index.js';
export * from './qmp/index.js';
export { type ByteSource, FileSource, MemorySource } from './stream/byte-source.js';
export type { RamSink } from './stream/file-ram.js';
export { formatOf, openStream, type StreamGuest } from './stream/guest.js';
export {
  type MigrationFile,
  type ReadOptions,
  readMigrationFile,
  type StreamBlock,
  type StreamDevice,
  type StreamSection,
} from './stream/read.js';
export type { Segment as VmcoreSegment } from './vmcore/elf.js';
export {
  type MappedBlock,
  type MapRequest,
  type MemoryMap,
  mapMemory,
  type PhysicalRange,
} from './vmcore/memory-map.js';
export { type VmcoreContent, type VmcoreSummary, VmcoreWriter } from './vmcore/writer.js';

export { hostBlocks } from './host-blocks.js';
export { type FileMemory, type MapOptions, type MappedRam, mapRam, type OwnMemory } from './map-ram.js';
export { type HostProbe, probe } from './probe.js';
export { socketIo } from './socket-io.js';

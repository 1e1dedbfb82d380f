export { type Files, loadFiles } from './files.js';
export { hostBlocks } from './host-blocks.js';
export { type FileMemory, type MapOptions, type MappedRam, mapRam, type OwnMemory } from './map-ram.js';
export { type HostProbe, probe } from './probe.js';
export { socketIo } from './socket-io.js';
export {
  chooseTracker,
  type RefusedTracker,
  type TrackerChoice,
  type TrackerOptions,
} from './track/choose.js';
export type {
  ProcessWriters,
  ThreadWriters,
  TrackerKind,
  Writers,
  WriteTracker,
} from './track/tracker.js';

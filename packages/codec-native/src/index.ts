export type { StreamName } from './binding.js';
export { type StreamSettings, streamMethod } from './stream-method.js';
export { type ZstdFrames, zstdFrames } from './zstd-frames.js';

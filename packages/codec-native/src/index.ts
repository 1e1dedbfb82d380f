export type { StreamName } from './binding.js';
export { type StreamSettings, streamMethod } from './stream-method.js';
export { type ZstdFramePacker, type ZstdFrames, zstdFramePacker, zstdFrames } from './zstd-frames.js';

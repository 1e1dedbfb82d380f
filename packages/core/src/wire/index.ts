export * from './first-bytes.js';
export * from './init-packet.js';
export * from './layout.js';
export { MainStreamDecoder, type MainStreamOptions } from './main/decode.js';
export * from './main/encode.js';
export * from './main/records.js';
export * from './ram-packet.js';
export * from './return-path.js';
export { describeDevices, encodeDeviceSection, splitDeviceState } from './vm-description.js';

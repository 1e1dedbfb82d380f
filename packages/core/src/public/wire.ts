/** `@multifd/core/wire`: the wire format (docs/wire.md), encoded and decoded. Pure. */
export * from '../wire/first-bytes.js';
export * from '../wire/init-packet.js';
export * from '../wire/layout.js';
export { MainStreamDecoder, type MainStreamOptions } from '../wire/main/decode.js';
export * from '../wire/main/encode.js';
export * from '../wire/main/records.js';
export * from '../wire/ram-packet.js';
export * from '../wire/return-path.js';
export { describeDevices, encodeDeviceSection, splitDeviceState } from '../wire/vm-description.js';

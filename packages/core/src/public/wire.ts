/**
 * The wire format (docs/wire.md), encoded and decoded. Pure.
 * @module @multifd/core/wire
 */
export {
  describedSize,
  descriptionSizeAt,
  parseDescription,
  type StreamDescription,
  subsectionHeaderSize,
} from '../wire/description.js';
export * from '../wire/first-bytes.js';
export * from '../wire/init-packet.js';
export * from '../wire/layout.js';
export type { BlockListLimits } from '../wire/main/block-list.js';
export { ByteReader, type Reading } from '../wire/main/byte-reader.js';
export { announcesPostcopy, readAnyCommand, readCommand } from '../wire/main/commands.js';
export { readConfiguration, readFileHeader } from '../wire/main/configuration.js';
export { MainStreamDecoder, type MainStreamOptions } from '../wire/main/decode.js';
export * from '../wire/main/encode.js';
export { type RamLimits, RamRecords, type Steps } from '../wire/main/ram-records.js';
export * from '../wire/main/records.js';
export * from '../wire/main/section-headers.js';
export * from '../wire/ram-packet.js';
export * from '../wire/return-path.js';
export { decodeName } from '../wire/text.js';
export { describeDevices, encodeDeviceSection, splitDeviceState } from '../wire/vm-description.js';

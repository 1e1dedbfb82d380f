import { LEVEL as ZLIB_LEVEL } from '@multifd/codec-zlib';
import { LEVEL as ZSTD_LEVEL } from '@multifd/codec-zstd';
import type { CodecSettings } from '../codecs/choose.js';
import { parseWhole } from './sizes.js';

/** What the commands are asked for about compression, as commander reads it. */
export interface CompressionOptions {
  /** A method's name, or a module. */
  readonly multifdCompression?: string;
  readonly multifdZlibLevel?: number;
  readonly multifdZstdLevel?: number;
}

/** QEMU's range. @throws MultifdError `usage` */
export function parseZlibLevel(text: string): number {
  return parseWhole(text, `--${ZLIB_LEVEL.parameter}`, 0, ZLIB_LEVEL.most);
}

/** QEMU's range. @throws MultifdError `usage` */
export function parseZstdLevel(text: string): number {
  return parseWhole(text, `--${ZSTD_LEVEL.parameter}`, 0, ZSTD_LEVEL.most);
}

/** The levels that were given; the methods know their defaults. */
export function codecSettings(options: CompressionOptions): CodecSettings {
  const { multifdZlibLevel, multifdZstdLevel } = options;
  return {
    ...(multifdZlibLevel === undefined ? {} : { [ZLIB_LEVEL.parameter]: multifdZlibLevel }),
    ...(multifdZstdLevel === undefined ? {} : { [ZSTD_LEVEL.parameter]: multifdZstdLevel }),
  };
}

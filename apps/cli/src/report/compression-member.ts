import { type CodecChoice, type CodecSettings, levelOf } from '../codecs/choose.js';

/** Which method compressed the pages. */
export interface CompressionMember {
  /** The value of `multifd-compression`. */
  readonly name: string;
  /** A name, or a module. */
  readonly requested: string;
  readonly detail: string;
  /** Where pages are compressed, and for a method that has levels of QEMU's. */
  readonly level?: number;
}

/** What is known of a side's method; `settings` only where pages are compressed. */
export interface CodecFacts extends CodecChoice {
  readonly settings?: CodecSettings;
}

export function compressionMember({ name, requested, detail, settings }: CodecFacts): CompressionMember {
  const level = settings === undefined ? undefined : levelOf(name, settings);
  return { name, requested, detail, ...(level === undefined ? {} : { level }) };
}

/** `zstd, level 1`: for a summary. */
export function compressionText({ name, level }: CompressionMember): string {
  return level === undefined ? name : `${name}, level ${level}`;
}

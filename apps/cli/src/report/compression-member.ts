import type { MethodDecision } from '@multifd/core';
import { type CodecChoice, levelOf } from '../codecs/choose.js';
import type { CodecSettings } from '../options/compression.js';

/** Which method compressed the pages. */
export interface CompressionMember {
  /** The value of `multifd-compression`. */
  readonly name: string;
  /** A name, or a module. */
  readonly requested: string;
  readonly detail: string;
  /** Where pages are compressed, and for a method that has levels of QEMU's. */
  readonly level?: number;
  /** The settings that were given, where pages are compressed. */
  readonly settings?: CodecSettings;
  /** Of `auto` on a source: what it chose, and why. Null if the guest was gone before it knew: nothing was compressed. */
  readonly chosen?: ChosenMember | null;
}

export interface ChosenMember {
  readonly name: string;
  readonly reason: string;
  /** Payload bytes a second that left while nothing was compressed. */
  readonly 'line-rate': number;
  /** What each method made of a little of the guest: bytes of pages a second and thread, payload bytes a byte. */
  readonly measured: readonly {
    readonly name: string;
    readonly 'bytes-per-second': number;
    readonly ratio: number;
  }[];
}

/** What is known of a side's method; `settings` only where pages are compressed. */
export interface CodecFacts extends CodecChoice {
  readonly settings?: CodecSettings;
  /** Of `auto` on a source, once it is over. */
  readonly decision?: MethodDecision | null;
}

export function compressionMember(facts: CodecFacts): CompressionMember {
  const { name, requested, detail, declared, settings, decision } = facts;
  const level = settings === undefined ? undefined : levelOf(decision?.name ?? name, declared, settings);
  return {
    name,
    requested,
    detail,
    ...(level === undefined ? {} : { level }),
    ...(settings === undefined || Object.keys(settings).length === 0 ? {} : { settings }),
    ...(decision === undefined ? {} : { chosen: decision === null ? null : chosenMember(decision) }),
  };
}

function chosenMember({ name, reason, lineRate, measured }: MethodDecision): ChosenMember {
  return {
    name,
    reason,
    'line-rate': Math.round(lineRate),
    measured: measured.map((each) => ({
      name: each.name,
      'bytes-per-second': Math.round(each.bytesPerSecond),
      ratio: Math.round(each.ratio * 1000) / 1000,
    })),
  };
}

/** `zstd, level 1`: for a summary. */
export function compressionText({ name, level, chosen }: CompressionMember): string {
  const method = `${chosen?.name ?? name}${level === undefined ? '' : `, level ${level}`}`;
  if (chosen === undefined) return method;
  const why = chosen === null ? 'the guest was gone before anything could be chosen' : chosen.reason;
  return `${chosen === null ? 'none' : method}, chosen by auto: ${why}`;
}

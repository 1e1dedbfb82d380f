import type { Probe } from '@multifd/core/accelerator';
import type { MultiFDMethods } from '@multifd/core/codec';
import type { Random } from '../random.js';
import type { SuiteCase } from '../register.js';

/** A payload that a stranger could send, which must be refused as the first of its channel. */
export interface HostilePayload {
  /** What is wrong with it, and part of the case's name. */
  readonly name: string;
  /** Normal pages of 4096 bytes that its packet names: 1 to 128. */
  readonly count: number;
  readonly payload: () => Uint8Array;
}

export type MethodSettings = Readonly<Record<string, number | string>>;

/** What a case gets to work with. Everything random in it comes from `random`. */
export interface CodecContext {
  readonly method: MultiFDMethods;
  /** Its answer to the one `probe` before the suite. */
  readonly probe: Probe;
  /** Bytes; for a case of a page size that one, else 4096. */
  readonly pageSize: number;
  /** Of the sender, for a case of settings those; the receiver has none. */
  readonly settings: MethodSettings;
  readonly random: Random;
  /** URL of the module that exports the method, if the suite was told. */
  readonly module: string | undefined;
  /** ms that one packet may take. */
  readonly timeout: number;
}

/** One thing that every codec must do. */
export type CodecCase = SuiteCase<CodecContext>;

/** Page sizes in bytes that the suite tries; a packet has 512 KiB of pages at most. */
export const PAGE_SIZES = [4096, 16384, 65536] as const;

/** Most normal pages of a packet. */
export function mostPages(pageSize: number): number {
  return 524288 / pageSize;
}

type Body = (context: CodecContext) => Promise<void>;

/** A case that is tried once. Needs a codec that can run here. */
export function defineCase(name: string, body: Body, options: { random?: boolean } = {}): CodecCase {
  return { name, random: options.random ?? false, skipped: cannotRun, run: body };
}

/** A case for each of `PAGE_SIZES`. */
export function definePageCases(name: string, body: Body, options: { random?: boolean } = {}): CodecCase[] {
  return PAGE_SIZES.map((pageSize) =>
    defineCase(`${pageSize}: ${name}`, (context) => body({ ...context, pageSize }), options),
  );
}

export function cannotRun({ probe }: CodecContext): string | undefined {
  return probe.ok ? undefined : `cannot run here: ${probe.reason}`;
}

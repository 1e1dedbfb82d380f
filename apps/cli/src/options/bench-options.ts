import { MultifdError, type ZeroPageDetection } from '@multifd/core';
import { MIB } from '../bench/figures.js';
import { SCENARIOS, type Scenario } from '../bench/scenarios.js';
import { HOSTS, type HostName } from '../host/choose-host.js';
import { parseOneOf } from './one-of.js';
import { parseSize, parseWhole, quote } from './sizes.js';

/** What `multifd bench` is asked for, as commander reads it. */
export interface BenchOptions {
  readonly scenario?: readonly Scenario[];
  readonly size?: number;
  readonly multifdChannels?: readonly number[];
  readonly zeroPageDetection?: readonly ZeroPageDetection[];
  readonly accel: string;
  readonly host?: readonly HostName[];
  readonly multifdCompression?: readonly string[];
  readonly multifdZlibLevel?: number;
  readonly multifdZstdLevel?: number;
  readonly wire?: readonly WireName[];
  readonly peer?: readonly string[];
  /** Also from each peer to multifd, and back. */
  readonly cross?: true;
  /** TLS on all connections of all rows. */
  readonly tls?: true;
  readonly runs?: number;
  /** False: without plain read and plain copy. */
  readonly ceilings: boolean;
  readonly images?: string;
  readonly json?: true;
  readonly samples?: string;
  readonly from?: string;
  readonly report?: string;
}

const WIRES = ['multifd', 'qemu'] as const;
export type WireName = (typeof WIRES)[number];
const DETECTIONS = ['none', 'legacy', 'multifd'] as const;

export const DEFAULT_SCENARIOS: readonly Scenario[] = ['untouched', 'zero', 'half', 'full'];
export const DEFAULT_CHANNELS: readonly number[] = [1, 2, 4, 8];
export const DEFAULT_SIZE = 4 * 2 ** 30;
export const DEFAULT_RUNS = 5;
/** Bytes. A QEMU takes RAM in whole MiB, and its firmware needs some. */
const SMALLEST = 16 * MIB;
const LARGEST = 2 ** 46;

/** @throws MultifdError `usage`, as all of these. */
export function parseScenarios(text: string): Scenario[] {
  return list(text, '--scenario', (each, what) => parseOneOf(each, what, SCENARIOS));
}

export function parseChannelCounts(text: string): number[] {
  return list(text, '--channels', (each, what) => parseWhole(each, what, 1, 255));
}

export function parseDetections(text: string): ZeroPageDetection[] {
  return list(text, '--detection', (each, what) => parseOneOf(each, what, DETECTIONS));
}

export function parseWires(text: string): WireName[] {
  return list(text, '--wire', (each, what) => parseOneOf(each, what, WIRES));
}

export function parseHosts(text: string): HostName[] {
  return list(text, '--host', (each, what) => parseOneOf(each, what, HOSTS));
}

export function parseCompressions(text: string): string[] {
  return list(text, '--compression', (each) => each);
}

export function parseGuestSize(text: string): number {
  const size = parseSize(text, '--size');
  if (size >= SMALLEST && size <= LARGEST && size % MIB === 0) return size;
  throw new MultifdError('usage', `--size must be a multiple of 1M, 16M to 64T, got ${quote(text)}`);
}

/** Words between commas, none of them empty or there twice. */
function list<T>(text: string, what: string, parse: (each: string, what: string) => T): T[] {
  const words = text.split(',').map((word) => word.trim());
  words.forEach((word, index) => {
    if (word === '') throw new MultifdError('usage', `${what}: a value is missing in ${quote(text)}`);
    if (words.indexOf(word) !== index) {
      throw new MultifdError('usage', `${what}: ${word} is there twice`);
    }
  });
  return words.map((word) => parse(word, what));
}

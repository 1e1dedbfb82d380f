import type { ZeroPageDetection } from '@multifd/core';
import { GIB, size as inWords, MIB } from './figures.js';
import type { Scenario } from './scenarios.js';

/** One guest, and how it is moved: all contenders of a row do the same. */
export interface Row {
  readonly scenario: Scenario;
  /** Bytes. */
  readonly size: number;
  readonly channels: number;
  readonly detection: ZeroPageDetection;
  /** A method, by name. */
  readonly compression: string;
  /** Of zlib and zstd; null: of another method. */
  readonly level: number | null;
  /** TLS on all connections, both ends with certificates that are checked. Absent: no TLS. */
  readonly tls?: true;
}

export interface RowChoice {
  readonly scenarios: readonly Scenario[];
  readonly size: number;
  readonly channels: readonly number[];
  /** Undefined: the usual rows. */
  readonly detections: readonly ZeroPageDetection[] | undefined;
  readonly compressions: readonly string[];
  readonly levels: Readonly<Record<string, number>>;
  readonly tls?: boolean;
}

/** Channels of the rows `legacy` and `none`, where the others show what channels bring. */
const USUAL_CHANNELS = 2;

/**
 * Scenario by scenario. With `detections` each of them with each number of channels; without them `multifd` with each, and
 * `legacy` and `none` once.
 */
export function rowsOf(choice: RowChoice): Row[] {
  const { scenarios, size, channels, detections, compressions, levels, tls = false } = choice;
  const usual = channels.includes(USUAL_CHANNELS) ? [USUAL_CHANNELS] : channels.slice(0, 1);
  const ways: readonly (readonly [ZeroPageDetection, readonly number[]])[] =
    detections === undefined
      ? [
          ['legacy', usual],
          ['multifd', channels],
          ['none', usual],
        ]
      : detections.map((detection) => [detection, channels]);
  return scenarios.flatMap((scenario) =>
    compressions.flatMap((compression) =>
      ways.flatMap(([detection, counts]) =>
        counts.map((count) => ({
          scenario,
          size,
          channels: count,
          detection,
          compression,
          level: levels[compression] ?? null,
          ...(tls ? { tls } : {}),
        })),
      ),
    ),
  );
}

/** `4 GiB full, 2 channels`, `4 GiB full, TLS, 2 channels`, `1 GiB text, zstd 1, 2 channels`, `4 GiB half, detection none, 2 channels`. */
export function nameOf(row: Row): string {
  return `${guestOf(row)}, ${wayOf(row)}`;
}

/** The guest, its compression and whether it has TLS: rows of the same one stand beside each other. */
export function guestOf({ scenario, size, compression, level, tls }: Row): string {
  const method =
    compression === 'none' ? '' : `, ${level === null ? compression : `${compression} ${level}`}`;
  return `${inWords(size)} ${scenario}${method}${tls === true ? ', TLS' : ''}`;
}

/** The rest of a row's name. */
export function wayOf({ channels, detection }: Row): string {
  const count = channels === 1 ? '1 channel' : `${channels} channels`;
  return detection === 'multifd' ? count : `detection ${detection}, ${count}`;
}

/** Bytes of memory that are touched while a row's guest moves: its pages on the other end, and what the processes take. */
export function touchedBy({ scenario, size }: Row): number {
  return (scenario === 'untouched' ? 0 : size) + Math.min(size, GIB);
}

/** ms that one migration may take: what is slower than 8 MiB/s hangs. */
export function limitOf({ size }: Row): number {
  return Math.min(30 * 60_000, 60_000 + (size / (8 * MIB)) * 1000);
}

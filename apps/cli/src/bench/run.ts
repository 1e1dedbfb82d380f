import { readFileSync } from 'node:fs';
import { freemem } from 'node:os';
import { knownError } from '../report/errors.js';
import type { Environment } from './environment.js';
import { size as inWords, MIB } from './figures.js';
import type { BenchFolder } from './images.js';
import { quiet } from './quiet.js';
import { nameOf, type Row, touchedBy } from './rows.js';
import type { Contender, Sample, Series } from './sample.js';

/** Bytes of memory that stay free whatever is measured. */
const RESERVE = 512 * MIB;

export interface Turn {
  readonly row: Row;
  readonly contender: string;
  /** 1 to `runs`. */
  readonly run: number;
  readonly runs: number;
}

export interface Listener {
  /** Memory for a guest is written, which takes a moment. */
  onImage(row: Row): void;
  onTurn(turn: Turn): void;
  onSample(turn: Turn, sample: Sample): void;
  /** A contender has no part in a row. */
  onLeftOut(row: Row, contender: string, reason: string): void;
  /** A contender has no further turn in a row. */
  onFailure(turn: Turn, reason: string): void;
  /** All samples of a row. */
  onRow(series: readonly Series[]): void;
}

interface Entry {
  readonly contender: Contender;
  readonly samples: Sample[];
  failed?: string;
}

/**
 * Measures each row: all contenders take turns, and each round starts with another one. A contender that fails keeps its
 * samples, and has no further turn in that row.
 *
 * @returns all series, row by row. @throws the signal's reason; whatever kept a guest from being made.
 */
export async function measureRows(
  rows: readonly Row[],
  contenders: readonly Contender[],
  runs: number,
  folder: BenchFolder,
  { date, multifd }: Pick<Environment, 'date' | 'multifd'>,
  signal: AbortSignal,
  listener: Listener,
): Promise<Series[]> {
  const all: Series[] = [];
  let made: { readonly scenario: string; readonly path: string } | undefined;
  for (const row of rows) {
    const { scenario } = row;
    if (made !== undefined && made.scenario !== scenario) {
      folder.drop(made.path);
      made = undefined;
    }
    if (scenario !== 'untouched' && made === undefined) {
      listener.onImage(row);
      made = { scenario, path: await folder.writeImage(scenario, row.size, signal) };
    }
    const entries = await measureRow(row, contenders, runs, made?.path, signal, listener);
    const series = entries.map(({ contender: { name, kind }, samples, failed }) => ({
      row,
      contender: name,
      kind,
      date,
      multifd,
      samples,
      ...(failed === undefined ? {} : { failed }),
    }));
    listener.onRow(series);
    all.push(...series);
  }
  return all;
}

async function measureRow(
  row: Row,
  contenders: readonly Contender[],
  runs: number,
  image: string | undefined,
  signal: AbortSignal,
  listener: Listener,
): Promise<Entry[]> {
  const entries = contenders.flatMap((contender): Entry[] => {
    const reason = contender.leftOut(row);
    if (reason === undefined) return [{ contender, samples: [] }];
    listener.onLeftOut(row, contender.name, reason);
    return [];
  });
  const fail = (entry: Entry, turn: Turn, reason: string) => {
    entry.failed = reason;
    listener.onFailure(turn, reason);
  };
  for (let round = 0; round < runs; round++) {
    for (let at = 0; at < entries.length; at++) {
      const entry = entries[(at + round) % entries.length];
      if (entry === undefined || entry.failed !== undefined) continue;
      const { contender } = entry;
      const turn: Turn = { row, contender: contender.name, run: round + 1, runs };
      const reason = lackOfMemory(row);
      if (reason !== undefined) {
        fail(entry, turn, reason);
        continue;
      }
      listener.onTurn(turn);
      try {
        const others = await quiet(signal);
        const sample = { ...(await contender.measure(row, image, signal)), others };
        entry.samples.push(sample);
        listener.onSample(turn, sample);
      } catch (error) {
        signal.throwIfAborted();
        fail(entry, turn, reasonOf(error));
      }
    }
  }
  return entries;
}

/** A guest that does not fit would push others out of memory. */
function lackOfMemory(row: Row): string | undefined {
  const needed = touchedBy(row) + RESERVE;
  const free = availableMemory();
  if (needed <= free) return undefined;
  return `${nameOf(row)} needs ${inWords(needed)} of free memory, of which there are ${inWords(free)}`;
}

function availableMemory(): number {
  try {
    const [, kibibytes] = /^MemAvailable:\s+(\d+) kB$/m.exec(readFileSync('/proc/meminfo', 'latin1')) ?? [];
    if (kibibytes !== undefined) return Number(kibibytes) * 1024;
  } catch {
    // No /proc, as in a sandbox.
  }
  return freemem();
}

/** As one line. */
function reasonOf(error: unknown): string {
  const known = knownError(error);
  const message = known?.message ?? (error instanceof Error ? error.message : String(error));
  return message.replaceAll(/\s+/g, ' ');
}

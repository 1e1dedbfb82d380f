import { median } from './figures.js';
import { nameOf, type Row } from './rows.js';
import type { Ends, Sample, Series } from './sample.js';

/** All contenders of one row. */
export interface Result {
  readonly name: string;
  readonly row: Row;
  readonly series: readonly Series[];
}

/** Series by row, in their order. */
export function resultsOf(series: readonly Series[]): Result[] {
  const byName = new Map<string, Series[]>();
  for (const each of series) {
    const key = `${each.row.size} ${nameOf(each.row)}`;
    byName.set(key, [...(byName.get(key) ?? []), each]);
  }
  return [...byName.values()].flatMap((all) => {
    const [first] = all;
    return first === undefined ? [] : [{ name: nameOf(first.row), row: first.row, series: all }];
  });
}

/** Figures of a series, in the order in which they were taken. What nobody knows is left out. */
export const FIGURES = {
  /** ms. */
  time: ({ ms }: Sample) => ms,
  setup: ({ setup }: Sample) => setup,
  downtime: ({ downtime }: Sample) => downtime,
  transferred: ({ transferred }: Sample) => transferred,
  /** ms of both ends together. */
  cpu: ({ cpu }: Sample) => sum(cpu),
  cpuSource: ({ cpu }: Sample) => cpu.source,
  cpuDestination: ({ cpu }: Sample) => cpu.destination,
  rssSource: ({ peakRss }: Sample) => peakRss.source,
  rssDestination: ({ peakRss }: Sample) => peakRss.destination,
  faultsSource: ({ faults }: Sample) => faults.source,
  faultsDestination: ({ faults }: Sample) => faults.destination,
} as const satisfies Record<string, (sample: Sample) => number | null>;

export type Figure = keyof typeof FIGURES;

export function figuresOf({ samples }: Series, name: Figure): number[] {
  return samples.map(FIGURES[name]).filter((value) => value !== null);
}

/** Bytes of guest a second, of each sample: what was sent, checked, or neither. */
export function ratesOf({ row, samples }: Series): number[] {
  return samples.map(({ ms }) => (row.size * 1000) / Math.max(ms, 1));
}

/** How many times as much `other` took as `one`, turn by turn: both ran in the same minute. */
export function ratios(one: Series, other: Series, name: Figure): number[] {
  const figure = FIGURES[name];
  return one.samples.flatMap((sample, turn) => {
    const beside = other.samples[turn];
    if (beside === undefined) return [];
    const [ours, theirs] = [figure(sample), figure(beside)];
    return ours === null || theirs === null || ours === 0 ? [] : [theirs / ours];
  });
}

/** @returns undefined if nothing was measured. */
export function middle(values: readonly number[]): number | undefined {
  return values.length === 0 ? undefined : median(values);
}

/** The peers of all rows, in their order. */
export function peersOf(series: readonly Series[]): string[] {
  return [...new Set(series.filter(({ kind }) => kind === 'peer').map(({ contender }) => contender))];
}

function sum({ source, destination }: Ends): number | null {
  return source === null || destination === null ? null : source + destination;
}

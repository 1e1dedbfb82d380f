import type { Environment } from '../bench/environment.js';
import { median } from '../bench/figures.js';
import {
  type Figure,
  figuresOf,
  peersOf,
  type Result,
  ratesOf,
  ratios,
  resultsOf,
} from '../bench/results.js';
import type { Ends, Sample, SampleTls, Series } from '../bench/sample.js';
import type { Samples } from '../bench/samples-file.js';
import { type Finding, findings } from '../bench/tables.js';
import { type FailureMembers, failureMembers } from './errors.js';

export const BENCH_SCHEMA_VERSION = 1;

/** What `multifd bench --json` prints. Times in ms, sizes in bytes, rates in bytes a second. */
export interface BenchDocument extends Partial<Omit<FailureMembers, 'status'>> {
  readonly 'schema-version': typeof BENCH_SCHEMA_VERSION;
  readonly command: 'bench';
  readonly status: 'completed' | FailureMembers['status'];
  /** Absent if nothing was measured. */
  readonly environment?: Environment;
  readonly results?: readonly BenchResult[];
  /** How multifd did in each row, wins and losses alike. */
  readonly findings?: readonly Finding[];
}

export interface BenchResult {
  readonly name: string;
  readonly scenario: string;
  readonly size: number;
  readonly channels: number;
  readonly 'zero-page-detection': string;
  readonly 'multifd-compression': string;
  readonly level: number | null;
  /** Absent: no TLS. */
  readonly tls?: true;
  readonly contenders: readonly BenchContender[];
}

export interface BenchContender {
  readonly name: string;
  readonly kind: Series['kind'];
  readonly multifd: string;
  readonly date: string;
  /** Why it has no figures; null: it has. */
  readonly failed: string | null;
  readonly 'total-time': BenchFigure;
  readonly 'bytes-per-second': BenchFigure;
  readonly 'setup-time': BenchFigure;
  readonly downtime: BenchFigure;
  readonly transferred: BenchFigure;
  /** Of both ends together. */
  readonly 'cpu-time': BenchFigure;
  /** For each peer: how many times as fast, and how many times its CPU time is this one's. */
  readonly beside: readonly {
    readonly peer: string;
    readonly speed: BenchFigure;
    readonly 'cpu-time': BenchFigure;
  }[];
  readonly samples: readonly BenchSample[];
}

/** Null: nothing was measured. */
export type BenchFigure = {
  readonly median: number;
  readonly lowest: number;
  readonly highest: number;
} | null;

export interface BenchSample {
  readonly 'total-time': number;
  readonly 'setup-time': number | null;
  readonly downtime: number | null;
  readonly transferred: number | null;
  readonly 'cpu-time': Ends;
  readonly 'peak-rss': Ends;
  readonly 'page-faults': Ends;
  /** Share of all cores that something else used right before, 0 to 1. */
  readonly others: number;
  /** Absent: no TLS. */
  readonly tls?: SampleTls;
}

/** @param samples undefined: nothing was measured. */
export function benchDocument(samples: Samples | undefined, error?: unknown): BenchDocument {
  return {
    'schema-version': BENCH_SCHEMA_VERSION,
    command: 'bench',
    status: 'completed',
    ...(error === undefined ? {} : failureMembers(error)),
    ...(samples === undefined ? {} : measured(samples)),
  };
}

function measured({ environment, series }: Samples): Partial<BenchDocument> {
  const peers = peersOf(series);
  return {
    environment,
    results: resultsOf(series).map((result) => resultMember(result, peers)),
    findings: findings(series),
  };
}

function resultMember(result: Result, peers: readonly string[]): BenchResult {
  const { name, row } = result;
  return {
    name,
    scenario: row.scenario,
    size: row.size,
    channels: row.channels,
    'zero-page-detection': row.detection,
    'multifd-compression': row.compression,
    level: row.level,
    ...(row.tls === true ? { tls: row.tls } : {}),
    contenders: result.series.map((each) => contenderMember(each, result, peers)),
  };
}

function contenderMember(series: Series, { series: all }: Result, peers: readonly string[]): BenchContender {
  // What failed has no figure, only the samples from before.
  const isWhole = series.failed === undefined;
  const of = (name: Figure) => figureOf(isWhole ? figuresOf(series, name) : []);
  const others = isWhole && series.kind !== 'peer' ? peers : [];
  return {
    name: series.contender,
    kind: series.kind,
    multifd: series.multifd,
    date: series.date,
    failed: series.failed ?? null,
    'total-time': of('time'),
    'bytes-per-second': figureOf(isWhole ? ratesOf(series).map(Math.round) : []),
    'setup-time': of('setup'),
    downtime: of('downtime'),
    transferred: of('transferred'),
    'cpu-time': of('cpu'),
    beside: others.flatMap((peer) => {
      const other = all.find(({ contender, failed }) => contender === peer && failed === undefined);
      if (other === undefined) return [];
      const beside = (name: Figure) => figureOf(ratios(series, other, name));
      return [{ peer, speed: beside('time'), 'cpu-time': beside('cpu') }];
    }),
    samples: series.samples.map(sampleMember),
  };
}

function figureOf(values: readonly number[]): BenchFigure {
  if (values.length === 0) return null;
  return { median: median(values), lowest: Math.min(...values), highest: Math.max(...values) };
}

function sampleMember({
  ms,
  setup,
  downtime,
  transferred,
  cpu,
  peakRss,
  faults,
  others,
  tls,
}: Sample): BenchSample {
  return {
    'total-time': ms,
    'setup-time': setup,
    downtime,
    transferred,
    'cpu-time': cpu,
    'peak-rss': peakRss,
    'page-faults': faults,
    others,
    ...(tls === undefined ? {} : { tls }),
  };
}

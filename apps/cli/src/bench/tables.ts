import { figure, MIB, spread, table } from './figures.js';
import {
  type Figure,
  figuresOf,
  middle,
  peersOf,
  type Result,
  ratesOf,
  ratios,
  resultsOf,
} from './results.js';
import type { SampleTls, Series } from './sample.js';
import type { Samples } from './samples-file.js';

export interface Table {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** How one contender did in one row, beside all others. */
export interface Finding {
  readonly row: string;
  readonly contender: string;
  /** A sentence. */
  readonly words: string;
}

/** What was measured, in words. Lines have bold text in Markdown. */
export interface BenchParts {
  /** What it was measured on. */
  readonly machine: string;
  /** How long it took, and what that cost. */
  readonly tables: readonly Table[];
  readonly failures: readonly string[];
  readonly findings: readonly Finding[];
}

export function benchParts(samples: Samples): BenchParts {
  const results = resultsOf(samples.series);
  const peers = peersOf(samples.series);
  return {
    machine: machineText(samples),
    tables: [timeTable(results, peers), costTable(results, peers)],
    failures: failures(results),
    findings: findings(samples.series),
  };
}

/** All of it in Markdown. */
export function benchText(samples: Samples): string {
  const { machine, tables, failures, findings } = benchParts(samples);
  const lists = [failures, findings.map(findingLine)].filter((lines) => lines.length > 0);
  const parts = [
    machine,
    ...tables.map(({ head, rows }) => table(head, rows)),
    ...lists.map((lines) => lines.map((line) => `- ${line}`).join('\n')),
  ];
  return `${parts.join('\n\n')}\n`;
}

export function findingLine({ row, words }: Finding): string {
  return `**${row}:** ${words}`;
}

function machineText({ environment, series }: Samples): string {
  const { cpu, cores, memoryGiB, system, node, arch, date, loadBefore } = environment;
  const versions = [...new Set(series.map(({ multifd }) => multifd))].join(' and ');
  const peers = peersOf(series);
  const runs = series.map(({ samples }) => samples.length).filter((count) => count > 0);
  const [few, many] = [Math.min(...runs), Math.max(...runs)];
  const others = series.flatMap(({ samples }) => samples.map((sample) => sample.others));
  const busy = others.filter((share) => share > 0.1).length;
  return [
    `Measured on: ${cpu}, ${cores} cores; ${memoryGiB} GiB; ${system}; Node ${node} ${arch}; multifd ${versions}`,
    `${peers.length === 0 ? '' : `; ${peers.join(' and ')}`}; ${date.slice(0, 10)}; load before the run ${loadBefore}.`,
    ` Runs of each, in turns: ${runs.length === 0 ? 'none' : few === many ? few : `${few} to ${many}`}; median (lowest-highest).`,
    tlsText(series),
    ` Right before ${busy} of the ${others.length} runs something else used more than a tenth of the cores.`,
  ].join('');
}

function suiteOf({ version, cipher, channels }: SampleTls): string {
  return `${version}, ${cipher}${channels === undefined ? '' : `, channels by ${channels}`}`;
}

/** What TLS used, of each contender that had it. */
function tlsText(series: readonly Series[]): string {
  const used = series.flatMap(({ contender, samples }) =>
    samples.flatMap(({ tls }) => (tls === undefined ? [] : [{ contender, words: suiteOf(tls) }])),
  );
  const kinds = [...Map.groupBy(used, ({ words }) => words)].map(([words, all]) => {
    const contenders = [...new Set(all.map(({ contender }) => contender))];
    return `${words} (${contenders.join(', ')})`;
  });
  return kinds.length === 0 ? '' : ` TLS: ${kinds.join('; ')}.`;
}

/** One line for each contender of each row. */
function timeTable(results: readonly Result[], peers: readonly string[]): Table {
  return {
    head: [
      'guest and contender',
      's',
      'GB/s of guest',
      ...peers.map((peer) => `times as fast as ${peer}`),
      'setup, ms',
      'downtime, ms',
      'sent, MiB',
    ],
    rows: lines(results, (series, row) => [
      spread(figuresOf(series, 'time').map((ms) => ms / 1000)),
      spread(ratesOf(series).map((rate) => rate / 1e9)),
      ...peers.map((peer) => besidePeer(series, row, peer, 'time')),
      spread(figuresOf(series, 'setup')),
      spread(figuresOf(series, 'downtime')),
      spread(figuresOf(series, 'transferred').map((bytes) => bytes / MIB)),
    ]),
  };
}

function costTable(results: readonly Result[], peers: readonly string[]): Table {
  const both = (series: Series, scale: number, ends: readonly [Figure, Figure]) =>
    ends.map((each) => spread(figuresOf(series, each).map((value) => value / scale)));
  return {
    head: [
      'guest and contender',
      'CPU of both ends, s',
      ...peers.map((peer) => `CPU of ${peer} / this`),
      'CPU source, s',
      'CPU destination, s',
      'peak RSS source, MiB',
      'peak RSS destination, MiB',
      'page faults source',
      'page faults destination',
    ],
    rows: lines(results, (series, row) => [
      spread(figuresOf(series, 'cpu').map((ms) => ms / 1000)),
      ...peers.map((peer) => besidePeer(series, row, peer, 'cpu')),
      ...both(series, 1000, ['cpuSource', 'cpuDestination']),
      ...both(series, MIB, ['rssSource', 'rssDestination']),
      ...both(series, 1, ['faultsSource', 'faultsDestination']),
    ]),
  };
}

function lines(
  results: readonly Result[],
  cells: (series: Series, row: Result) => readonly string[],
): string[][] {
  return results.flatMap((row) =>
    row.series.map((series) => {
      const name = `${row.name}: ${series.contender}`;
      // A figure of what then failed would be one of the runs that went well.
      return series.failed === undefined ? [name, ...cells(series, row)] : [name, 'failed'];
    }),
  );
}

function besidePeer(series: Series, { series: all }: Result, peer: string, name: Figure): string {
  const other = all.find(({ contender }) => contender === peer);
  if (other === undefined || other.failed !== undefined || series.kind === 'peer') return '-';
  return spread(ratios(series, other, name));
}

function failures(results: readonly Result[]): string[] {
  return results.flatMap(({ name, series }) =>
    series.flatMap(({ contender, failed }) =>
      failed === undefined ? [] : [`**${name}: ${contender} failed:** ${failed}`],
    ),
  );
}

/** One sentence for each row, wins and losses alike. */
export function findings(series: readonly Series[]): Finding[] {
  return resultsOf(series).flatMap(({ name, series: all }) => {
    const measured = all.filter(({ failed }) => failed === undefined);
    const ours = measured.filter(({ kind }) => kind === 'multifd');
    const peers = measured.filter(({ kind }) => kind === 'peer');
    const ceilings = measured.filter(({ kind }) => kind === 'ceiling');
    return ours.flatMap((each) => {
      const sentences = [
        ...peers.map((peer) => sentence(each, peer)),
        ...ceilings.map((ceiling) => ceilingSentence(each, ceiling)),
      ].filter((words) => words !== undefined);
      const { contender } = each;
      return sentences.length === 0 ? [] : [{ row: name, contender, words: `${sentences.join('; ')}.` }];
    });
  });
}

/** Neither is called faster if the median is this close to 1 and each was faster in some round. */
const EQUAL = 0.05;

/** @param shares times as fast, of each round. @param share their median. */
function howFast(shares: readonly number[], share: number, peer: string): string {
  const [lowest, highest] = [Math.min(...shares), Math.max(...shares)];
  if (Math.abs(share - 1) <= EQUAL && lowest < 1 && highest > 1)
    return `about as fast as ${peer} (${figure(share)} times, ${figure(lowest)} to ${figure(highest)})`;
  return share >= 1
    ? `${figure(share)} times as fast as ${peer}`
    : `slower than ${peer} (${figure(1 / share)} times as long)`;
}

function ceilingSentence(ours: Series, ceiling: Series): string | undefined {
  const share = middle(ratios(ours, ceiling, 'time'));
  if (share === undefined) return undefined;
  return `${ours.contender} took ${figure(1 / share)} times as long as ${ceiling.contender}`;
}

function sentence(ours: Series, peer: Series): string | undefined {
  const shares = ratios(ours, peer, 'time');
  const share = middle(shares);
  const cpu = middle(figuresOf(ours, 'cpu'));
  const theirs = middle(figuresOf(peer, 'cpu'));
  if (share === undefined || cpu === undefined || theirs === undefined) return undefined;
  return `${ours.contender} is ${howFast(shares, share, peer.contender)}, with ${figure(cpu / 1000)} s of CPU to its ${figure(theirs / 1000)} s`;
}

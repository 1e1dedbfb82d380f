/** Tables and sentences about guests at rest, from the samples of `main.mjs`. */
import { figure, MIB, median, size, spread, table } from '../../src/bench/figures.ts';
import type { RestGuest } from './guests.ts';
import { OPERATIONS, type Operation, type Sample, type Series } from './samples.ts';

/** A file of samples. */
export interface Samples {
  readonly environment: Readonly<Record<string, number | string>>;
  readonly channels: number;
  readonly series: readonly Series[];
}

const WORDS: Readonly<Record<Operation, string>> = {
  first: 'first snapshot',
  later: 'later snapshot',
  restore: 'restore',
};
const STORE = 'store:DIR';
const FILE = 'file:';
/** Medians whose ratio is this close to 1 are told as equal, if each was faster in some turn. */
const EQUAL = 0.05;

export function storeMachine({ environment, channels, series }: Samples): string {
  const { cpu, cores, memoryGiB, system, node, qemu, commit, date } = environment;
  const samples = series.flatMap((each) => each.samples);
  const loads = samples.map(({ load }) => load);
  const busy = samples.filter(({ others }) => others > 0.1).length;
  const counts = series.map((each) => each.samples.length);
  const [few, many] = [Math.min(...counts), Math.max(...counts)];
  const others = `Right before ${busy} of the ${samples.length} runs something else used more than a tenth of the cores`;
  return [
    `Measured on: ${cpu}, ${cores} cores; ${memoryGiB} GiB; ${system}; Node ${node}; QEMU ${qemu}; commit ${commit}; `,
    `${String(date).slice(0, 10)}; ${channels} channels. Runs of each, in turns: ${few === many ? few : `${few} to ${many}`}; `,
    `median (lowest-highest). ${others}; load average then: ${spread(loads)}.`,
  ].join('');
}

/** One table for each guest, a line for each contender of each operation. */
export function storeTables({ series }: Samples): string {
  const head = [
    'operation and contender',
    's',
    'times as long as file:',
    'times as long as mapped-ram',
    'the guest waited, s',
    'CPU of QEMU and multifd, s',
    'peak RSS of multifd, MiB',
    'peak RSS of QEMU, MiB',
    'on the disk, MiB',
  ];
  return guestsOf(series)
    .map(({ name, all }) => {
      const rows = OPERATIONS.flatMap((operation) => rowsOf(all, operation));
      return `**${name}**\n\n${table(head, rows)}`;
    })
    .join('\n\n');
}

function rowsOf(all: readonly Series[], operation: Operation): string[][] {
  const these = all.filter((each) => each.operation === operation);
  const file = these.find(({ contender }) => contender === FILE);
  const peer = these.find(({ contender }) => contender !== FILE && contender !== STORE);
  return these.map((each) => {
    const { samples } = each;
    const of = (value: (sample: Sample) => number | null, scale: number) =>
      spread(figuresOf(samples, value).map((figure) => figure / scale));
    return [
      `${WORDS[operation]}: ${each.contender}`,
      of(({ ms }) => ms, 1000),
      spread(timesAsLong(each, file)),
      spread(timesAsLong(each, peer)),
      of(({ waited }) => waited, 1000),
      of(({ cpu }) => cpu.qemu + (cpu.multifd ?? 0), 1000),
      of(({ peakRss }) => peakRss.multifd, MIB),
      of(({ peakRss }) => peakRss.qemu, MIB),
      of(({ disk }) => disk, MIB),
    ];
  });
}

/** What a store costs and brings beside both others, good or bad. */
export function storeFindings({ series }: Samples): string {
  return guestsOf(series)
    .flatMap(({ name, all }) => OPERATIONS.flatMap((operation) => sentence(name, all, operation)))
    .map((words) => `- ${words}`)
    .join('\n');
}

function sentence(name: string, all: readonly Series[], operation: Operation): string[] {
  const these = all.filter((each) => each.operation === operation);
  const store = these.find(({ contender }) => contender === STORE);
  const others = these.filter((each) => each !== store);
  if (store === undefined || others.length === 0) return [];
  const beside = others.map((other) => {
    const space = ratioOf(store, other, ({ disk }) => disk);
    const cpu = ratioOf(store, other, ({ cpu: { qemu, multifd } }) => qemu + (multifd ?? 0));
    const parts = [
      ...(cpu === undefined ? [] : [`${figure(cpu)} times its CPU time`]),
      ...(space === undefined ? [] : [`${figure(space)} times its space`]),
    ];
    return `${howLong(timesAsLong(store, other), other.contender)}${parts.length === 0 ? '' : `, with ${parts.join(' and ')}`}`;
  });
  const peaks = figuresOf(store.samples, ({ peakRss }) => peakRss.multifd);
  const memory = peaks.length === 0 ? '' : ` It had ${size(Math.max(...peaks))} of memory at most.`;
  return [`**${name}, ${WORDS[operation]}:** ${STORE} ${beside.join('; ')}.${memory}`];
}

function howLong(ratios: readonly number[], other: string): string {
  const middle = median(ratios);
  const [low, high] = [Math.min(...ratios), Math.max(...ratios)];
  if (Math.abs(middle - 1) <= EQUAL && low < 1 && high > 1)
    return `took about as long as ${other} (${figure(middle)} times, ${figure(low)} to ${figure(high)})`;
  return middle > 1
    ? `was slower than ${other} (${figure(middle)} times as long)`
    : `was faster than ${other} (${figure(1 / middle)} times as fast)`;
}

/** Turn by turn: both ran in the same minutes. */
function timesAsLong({ samples }: Series, other: Series | undefined): number[] {
  return samples.flatMap(({ ms }, turn) => {
    const beside = other?.samples[turn];
    return beside === undefined || other?.samples === samples ? [] : [ms / beside.ms];
  });
}

function ratioOf(one: Series, other: Series, value: (sample: Sample) => number | null): number | undefined {
  const [ours, theirs] = [one, other].map(({ samples }) => figuresOf(samples, value));
  if (ours === undefined || theirs === undefined || ours.length === 0 || theirs.length === 0)
    return undefined;
  return median(ours) / median(theirs);
}

function figuresOf(samples: readonly Sample[], value: (sample: Sample) => number | null): number[] {
  return samples.map(value).filter((figure) => figure !== null);
}

/** Series by guest, in their order. */
function guestsOf(series: readonly Series[]): { readonly name: string; readonly all: readonly Series[] }[] {
  const groups = Map.groupBy(series, ({ guest }) => nameOf(guest));
  return [...groups].map(([name, all]) => ({ name, all }));
}

/** `100 GiB, 1 GiB of it text`. */
export function nameOf(guest: RestGuest): string {
  return `${size(guest.size)}, ${size(guest.content)} of it text`;
}

import { figure, median, PAGE, size, spread, table } from './figures.mjs';

const MIB = 2 ** 20;
const DETECTIONS = ['none', 'legacy', 'multifd'];

/** The check alone, from accel-js: only what is used, and the ceilings. */
export function checkTable({ results }) {
  const cases = [...new Set(results.map((result) => result.case))];
  const ways = [...new Set(results.map(({ way }) => way))].filter((way) =>
    /^(chosen|plain read|copy|native read)/.test(way),
  );
  const rows = ways.map((way) => [
    way,
    ...cases.map((name) => {
      const found = results.find((result) => result.way === way && result.case === name);
      return found === undefined ? '-' : spread(found.gbPerSecond.samples);
    }),
  ]);
  return table(['GB/s of one thread', ...cases], rows);
}

/** ns a page, and the rates that follow from the median. */
export function codecTable({ results }, group) {
  const rows = results
    .filter((result) => result.group === group)
    .map(({ name, pages, packets, nsPerPage }) => {
      const ns = median(nsPerPage);
      const perPacket = packets === undefined ? [] : [figure(1e3 / (ns * (pages / packets)))];
      return [name, spread(nsPerPage), ...perPacket, figure(1e3 / ns)];
    });
  const packets = results.some((result) => result.group === group && result.packets !== undefined);
  return table(['', 'ns a page', ...(packets ? ['million packets/s'] : []), 'million pages/s'], rows);
}

export function pathTable({ results }, group) {
  const rows = results
    .filter((result) => result.group === group)
    .map(({ name, nsPerPage }) => [
      name.startsWith('ceiling: ') ? `*${name}*` : name,
      spread(nsPerPage),
      figure(PAGE / median(nsPerPage)),
    ]);
  return table(['', 'ns a page', 'GB/s of guest memory'], rows);
}

const seconds = (run, pick) => spread(run.samples.map((sample) => pick(sample) / 1000));
const rate = (run, pick) => spread(run.samples.map((sample) => pick(sample) / sample.ms / 1e6));
const mib = (run, pick) => spread(run.samples.map((sample) => pick(sample) / MIB));

const MIGRATION_HEAD = [
  'total-time, s',
  'GB/s of guest',
  'GB/s on the wire',
  'setup, ms',
  'downtime, ms',
  'CPU source, s',
  'CPU destination, s',
  'peak RSS source, MiB',
  'peak RSS destination, MiB',
];

function migrationCells(run) {
  return [
    seconds(run, ({ ms }) => ms),
    rate(run, ({ total }) => total),
    rate(run, ({ transferred }) => transferred),
    spread(run.samples.map(({ setup }) => setup)),
    spread(run.samples.map(({ downtime }) => downtime)),
    seconds(run, ({ cpu }) => cpu.source),
    seconds(run, ({ cpu }) => cpu.destination),
    mib(run, ({ peakRss }) => peakRss.source),
    mib(run, ({ peakRss }) => peakRss.destination),
  ];
}

const SHARES = { 1: 'all zero', 0.5: 'half zero', 0: 'none zero' };
const channels = (count) => `${count} channel${count === 1 ? '' : 's'}`;

export function shareTable({ runs }) {
  const rows = runs
    .filter(({ set }) => set === 'share')
    .map((run) => [`${SHARES[run.zero]}, ${channels(run.channels)}`, ...migrationCells(run)]);
  return table(['zero pages untouched', ...MIGRATION_HEAD], rows);
}

export function populateTable({ runs }) {
  const rows = runs
    .filter(({ set }) => set === 'populate')
    .map((run) => [`all zero, ${channels(run.channels)}`, ...migrationCells(run)]);
  return table(['zero pages written once', ...MIGRATION_HEAD], rows);
}

export function detectionTable({ runs }) {
  const rows = runs
    .filter(
      ({ set, zero, channels: count }) =>
        set === 'detection' || (set === 'share' && zero === 0.5 && count === 2),
    )
    .toSorted((a, b) => DETECTIONS.indexOf(a.detection) - DETECTIONS.indexOf(b.detection))
    .map((run) => [run.detection, ...migrationCells(run)]);
  return table(['zero-page-detection', ...MIGRATION_HEAD], rows);
}

export function ceilingTable({ runs }) {
  const names = {
    one: 'bare copy, always into the same MiB',
    data: 'the same through `data` events',
    fresh: 'bare copy into fresh memory',
  };
  const rows = runs
    .filter(({ kind }) => kind === 'copy' || kind === 'touch')
    .map((run) => {
      const name = run.kind === 'touch' ? 'one byte written to each fresh page' : names[run.into];
      const one = run.kind === 'touch';
      return [
        `${size(run.bytes)}, ${name}`,
        seconds(run, ({ ms }) => ms),
        spread(run.samples.map(({ ms }) => run.bytes / ms / 1e6)),
        spread(run.samples.map(({ ms }) => (ms * 1000) / (run.bytes / PAGE))),
        one ? '-' : seconds(run, ({ cpu }) => cpu.source),
        seconds(run, ({ cpu }) => (one ? cpu : cpu.destination)),
      ];
    });
  return table(['', 's', 'GB/s', 'µs a page', 'CPU sender, s', 'CPU reader, s'], rows);
}

/** Peak RSS without the guest: exact where no page of the guest is resident on either end. */
export function memoryTable({ runs }) {
  const rows = runs
    .filter(
      ({ kind, zero, populate, detection }) =>
        kind === 'migration' && zero === 1 && !populate && detection === 'multifd',
    )
    .toSorted((a, b) => a.channels - b.channels || a.bytes - b.bytes)
    .map((run) => [
      `${size(run.bytes)}, ${channels(run.channels)}`,
      mib(run, ({ peakRss, normalBytes }) => peakRss.source - normalBytes),
      mib(run, ({ peakRss, normalBytes }) => peakRss.destination - normalBytes),
    ]);
  const idle = runs.find(({ kind }) => kind === 'idle');
  if (idle !== undefined) {
    const bare = mib(idle, ({ peakRss }) => peakRss);
    rows.push(['*a bare Node process*', bare, bare]);
  }
  return table(['peak RSS without the guest, MiB', 'source', 'destination'], rows);
}

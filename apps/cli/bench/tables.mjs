import { figure, median, PAGE, spread, table } from './figures.mjs';

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

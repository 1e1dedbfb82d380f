/** From samples to what stands in a table. */

export const GIB = 2 ** 30;
export const PAGE = 4096;

export function median(samples) {
  const sorted = samples.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Three figures, and not one that was not measured: 0.12, 1.23, 12.3, 1234. */
export function figure(value) {
  return String(Math.abs(value) >= 1000 ? Math.round(value) : Number(value.toPrecision(3)));
}

export function size(bytes) {
  return bytes >= GIB ? `${figure(bytes / GIB)} GiB` : `${figure(bytes / 2 ** 20)} MiB`;
}

/** `median (lowest-highest)`; nothing was measured: a dash. */
export function spread(samples) {
  if (samples.length === 0) return '-';
  const low = figure(Math.min(...samples));
  const high = figure(Math.max(...samples));
  const middle = figure(median(samples));
  return low === high ? middle : `${middle} (${low}-${high})`;
}

/** The first column is text, all others are numbers. */
export function table(head, rows) {
  const cells = [head, ...rows.map((row) => row.map(String))];
  const widths = head.map((_, column) => Math.max(3, ...cells.map((row) => row[column].length)));
  const line = (row) =>
    `| ${row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join(' | ')} |`;
  const rule = `| ${widths.map((width, i) => (i === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`)).join(' | ')} |`;
  return [line(cells[0]), rule, ...cells.slice(1).map(line)].join('\n');
}

export function machine({ cpu, cores, memoryGiB, system, node, arch, commit, date, loadBefore }, what) {
  const parts = [
    `${cpu}, ${cores} cores`,
    ...(memoryGiB === undefined ? [] : [`${memoryGiB} GiB`]),
    ...(system === undefined ? [] : [system]),
    `Node ${node} ${arch}`,
    ...(commit === undefined ? [] : [`commit ${commit}`]),
    date.slice(0, 10),
    ...(loadBefore === undefined ? [] : [`load before the run ${loadBefore}`]),
  ];
  return `${what}: ${parts.join('; ')}.`;
}

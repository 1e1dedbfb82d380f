/** From samples to what stands in a table. It imports nothing: the scripts in `bench/` use it as it is. */

export const MIB = 2 ** 20;
export const GIB = 2 ** 30;

/** @param samples at least one. */
export function median(samples: readonly number[]): number {
  const sorted = samples.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** Three figures, and not one that was not measured: 0.12, 1.23, 12.3, 1234. */
export function figure(value: number): string {
  return String(Math.abs(value) >= 1000 ? Math.round(value) : Number(value.toPrecision(3)));
}

/** `4 GiB`, `64 MiB`. */
export function size(bytes: number): string {
  return bytes >= GIB ? `${figure(bytes / GIB)} GiB` : `${figure(bytes / MIB)} MiB`;
}

/** `median (lowest-highest)`; nothing was measured: a dash. */
export function spread(samples: readonly number[]): string {
  if (samples.length === 0) return '-';
  const low = figure(Math.min(...samples));
  const high = figure(Math.max(...samples));
  const middle = figure(median(samples));
  return low === high ? middle : `${middle} (${low}-${high})`;
}

/** A table in Markdown. The first column is text, all others are numbers. */
export function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const cells = [head, ...rows].map((row) => row.map(String));
  const widths = head.map((_, column) => Math.max(3, ...cells.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]) =>
    `| ${widths.map((width, i) => (i === 0 ? (row[i] ?? '').padEnd(width) : (row[i] ?? '').padStart(width))).join(' | ')} |`;
  const rule = `| ${widths.map((width, i) => (i === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`)).join(' | ')} |`;
  const [first = [], ...rest] = cells;
  return [line(first), rule, ...rest.map(line)].join('\n');
}

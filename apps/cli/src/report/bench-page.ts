import { readFileSync } from 'node:fs';
import { figure, MIB } from '../bench/figures.js';
import { type Figure, figuresOf, middle, type Result, resultsOf } from '../bench/results.js';
import { guestOf, wayOf } from '../bench/rows.js';
import type { Series } from '../bench/sample.js';
import type { Samples } from '../bench/samples-file.js';
import { SCENARIO_WORDS } from '../bench/scenarios.js';
import { benchParts, findingLine, type Table } from '../bench/tables.js';
import type { Plot, PlotBar } from '../page/plots.js';
import { pageScript } from '../threads.js';

/** What is drawn of each guest. */
const PLOTS: readonly { readonly figure: Figure; readonly title: string; readonly scale: number }[] = [
  { figure: 'time', title: 'total time, s', scale: 1000 },
  { figure: 'cpu', title: 'CPU of both ends, s', scale: 1000 },
  { figure: 'downtime', title: 'downtime, ms', scale: 1 },
  { figure: 'rssDestination', title: 'peak RSS of the destination, MiB', scale: MIB },
];
/** Told apart by eyes that do not see all colours (Okabe and Ito). */
const COLORS = ['#0072b2', '#e69f00', '#009e73', '#cc79a7', '#56b4e9', '#d55e00', '#f0e442', '#999999'];

/**
 * One page with plots and tables, complete in itself: it fetches nothing, and its policy forbids it to.
 * @throws a system error if this package's script for it is not there.
 */
export function benchPage(samples: Samples): string {
  const results = resultsOf(samples.series);
  const contenders = [...new Set(samples.series.map(({ contender }) => contender))];
  const colorOf = (contender: string) => COLORS[contenders.indexOf(contender) % COLORS.length] ?? '#000000';
  const guests = [...Map.groupBy(results, ({ row }) => guestOf(row))].map(([title, rows], index) => ({
    title,
    words: SCENARIO_WORDS[rows[0]?.row.scenario ?? 'untouched'],
    plots: PLOTS.map((kind) =>
      plotOf(`plot-${index}-${kind.figure}`, kind, rows, contenders, colorOf),
    ).filter(({ series }) => series.length > 0),
  }));
  const { machine, tables, failures, findings } = benchParts(samples);
  const script = readFileSync(pageScript(), 'utf8');
  const body = [
    '<h1>multifd bench</h1>',
    `<p>${escaped(machine)}</p>`,
    list(failures, 'failed'),
    ...guests.map(
      ({ title, words, plots }) =>
        `<section><h2>${escaped(title)}</h2><p>Memory: ${escaped(words)}. Bars are medians, lines go from the lowest to the highest sample.</p>` +
        `<div class="plots">${plots.map(canvasOf).join('')}</div></section>`,
    ),
    '<section><h2>Figures</h2><p>Median (lowest-highest).</p>',
    ...tables.map(tableOf),
    list(findings.map(findingLine), 'findings'),
    '</section>',
  ];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width">
<title>multifd bench</title>
<style>${STYLE}</style>
</head>
<body>
${body.join('\n')}
<script type="application/json" id="plots">${inScript(JSON.stringify(guests.flatMap(({ plots }) => plots)))}</script>
<script>${inScript(script)}</script>
</body>
</html>
`;
}

function plotOf(
  id: string,
  kind: (typeof PLOTS)[number],
  results: readonly Result[],
  contenders: readonly string[],
  colorOf: (contender: string) => string,
): Plot {
  const series = contenders.map((contender) => ({
    contender,
    color: colorOf(contender),
    bars: results.map(({ series: all }) =>
      barOf(
        all.find((each) => each.contender === contender),
        kind,
      ),
    ),
  }));
  return {
    id,
    title: kind.title,
    rows: results.map(({ row }) => wayOf(row)),
    series: series.filter(({ bars }) => bars.some((bar) => bar !== null)),
  };
}

function barOf(series: Series | undefined, { figure: name, scale }: (typeof PLOTS)[number]): PlotBar | null {
  if (series === undefined || series.failed !== undefined) return null;
  const values = figuresOf(series, name).map((value) => value / scale);
  const median = middle(values);
  if (median === undefined) return null;
  const short = (value: number) => Number(figure(value));
  return { median: short(median), lowest: short(Math.min(...values)), highest: short(Math.max(...values)) };
}

function canvasOf({ id, title }: Plot): string {
  return `<div class="plot"><canvas id="${id}" role="img" aria-label="${escaped(title)}"></canvas></div>`;
}

function tableOf({ head, rows }: Table): string {
  const cells = (row: readonly string[], tag: 'td' | 'th') =>
    row.map((cell) => `<${tag}>${escaped(cell)}</${tag}>`).join('');
  const lines = rows.map((row) => `<tr>${cells(row, 'td')}</tr>`).join('\n');
  return `<div class="table"><table><thead><tr>${cells(head, 'th')}</tr></thead><tbody>\n${lines}\n</tbody></table></div>`;
}

/** Sentences in Markdown, of which we have bold text only. */
function list(lines: readonly string[], name: string): string {
  if (lines.length === 0) return '';
  const items = lines.map((line) => `<li>${escaped(line).replaceAll(/\*\*(.+?)\*\*/g, '<b>$1</b>')}</li>`);
  return `<ul class="${name}">${items.join('\n')}</ul>`;
}

function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

/** So that nothing in it ends the element that it stands in. */
function inScript(text: string): string {
  return text.replaceAll('</', '<\\/').replaceAll('<!--', '<\\!--');
}

const STYLE = `
body { font: 15px/1.5 system-ui, sans-serif; color: #222; margin: 2em auto; max-width: 1200px; padding: 0 1em; }
.plots { display: grid; grid-template-columns: repeat(auto-fill, minmax(480px, 1fr)); gap: 1.5em; }
.plot { height: 320px; position: relative; }
.table { overflow-x: auto; margin: 1em 0; }
table { border-collapse: collapse; font-size: 13px; white-space: nowrap; }
th, td { border-bottom: 1px solid #ddd; padding: 2px 8px; text-align: right; }
th:first-child, td:first-child { text-align: left; }
.failed { color: #a00; }
`;

/** Draws a dashboard's panels, with the values of their queries, as one SVG. Pure. */

/** Pixels of a column and of a row of Grafana's grid. */
const COLUMN = 45;
const ROW = 30;
const GAP = 8;
const COLOURS = ['#7eb26d', '#eab839', '#6ed0e0', '#ef843c', '#e24d42', '#1f78c1', '#ba43a9', '#705da0'];
const STYLE =
  'text{font:12px system-ui,"DejaVu Sans",sans-serif;fill:#ccccdc}.t{font-weight:600}.a{fill:#9fa7b3;font-size:11px}.v{font-size:26px;font-weight:600}';

/**
 * @param panels as in Grafana's JSON; each with `series`: names and values ([seconds, number], ascending).
 * @param from @param to seconds of the x axis.
 */
export function drawDashboard(panels, from, to) {
  const width = Math.max(...panels.map(({ gridPos }) => gridPos.x + gridPos.w)) * COLUMN + GAP;
  const height = Math.max(...panels.map(({ gridPos }) => gridPos.y + gridPos.h)) * ROW + GAP;
  const drawn = panels.map((panel) => drawPanel(panel, from, to)).join('\n');
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="Panels of the dashboard during a migration">
<style>${STYLE}</style>
<rect width="${width}" height="${height}" fill="#111217"/>
${drawn}
</svg>
`;
}

function drawPanel({ title, type, gridPos, series, fieldConfig }, from, to) {
  const box = { width: gridPos.w * COLUMN - GAP, height: gridPos.h * ROW - GAP };
  const format = formatOf(fieldConfig.defaults.unit);
  const base = /^bytes$|^bin/.test(fieldConfig.defaults.unit) ? 1024 : 1000;
  const body =
    type === 'timeseries'
      ? drawLines(series, box, { format, base }, { from, to })
      : drawLast(type, series, box, format);
  return `<g transform="translate(${gridPos.x * COLUMN + GAP},${gridPos.y * ROW + GAP})">
<rect width="${box.width}" height="${box.height}" rx="3" fill="#181b1f" stroke="#2c3235"/>
<text class="t" x="10" y="20">${escaped(title)}</text>
${body}
</g>`;
}

/** The last value of each series; for a status, its name. */
function drawLast(type, series, { width, height }, format) {
  // Of several states of one end only the newest is meant.
  const newest = Math.max(...series.map(({ values }) => values.at(-1)?.[0] ?? 0));
  const shown = series.filter(({ values }) => (values.at(-1)?.[0] ?? 0) >= newest - 2);
  const step = width / Math.max(1, shown.length);
  return shown
    .map(({ name, values }, index) => {
      const [, value = 0] = values.at(-1) ?? [];
      const middle = step * (index + 0.5);
      const isState = format === undefined;
      const [who, what] = isState
        ? [name.split(' ')[0], name.split(' ').slice(1).join(' ')]
        : [name, format(value)];
      const bar = type === 'gauge' ? gauge(value, middle, height) : '';
      return `${bar}<text class="v" x="${middle}" y="${height / 2 + 16}" text-anchor="middle">${escaped(what)}</text>
<text class="a" x="${middle}" y="${height - 10}" text-anchor="middle">${escaped(who)}</text>`;
    })
    .join('\n');
}

function gauge(share, middle, height) {
  const width = 160;
  const [x, y] = [middle - width / 2, height - 34];
  return `<rect x="${x}" y="${y}" width="${width}" height="8" rx="4" fill="#2c3235"/>
<rect x="${x}" y="${y}" width="${width * Math.min(1, Math.max(0, share))}" height="8" rx="4" fill="#73bf69"/>\n`;
}

function drawLines(series, { width, height }, { format, base }, { from, to }) {
  const area = { left: 78, right: width - 12, top: 34, bottom: height - 44 };
  const most = Math.max(...series.flatMap(({ values }) => values.map(([, value]) => value)), 0);
  const { top, ticks } = scale(most, base);
  const x = (at) => area.left + ((at - from) / (to - from)) * (area.right - area.left);
  const y = (value) => area.bottom - (value / top) * (area.bottom - area.top);
  const grid = ticks.map(
    (tick) =>
      `<line x1="${area.left}" x2="${area.right}" y1="${y(tick)}" y2="${y(tick)}" stroke="#2c3235"/><text class="a" x="${area.left - 6}" y="${y(tick) + 4}" text-anchor="end">${escaped((format ?? String)(tick))}</text>`,
  );
  const every = Math.max(5, Math.ceil((to - from) / 6 / 5) * 5);
  for (let at = 0; at <= to - from; at += every)
    grid.push(
      `<text class="a" x="${x(from + at)}" y="${area.bottom + 15}" text-anchor="middle">${at} s</text>`,
    );
  const lines = series.map(({ values }, index) => {
    const points = values.map(([at, value]) => `${x(at).toFixed(1)},${y(value).toFixed(1)}`).join(' ');
    return `<polyline points="${points}" fill="none" stroke="${COLOURS[index % COLOURS.length]}" stroke-width="1.6"/>`;
  });
  return [...grid, ...lines, ...legend(series, area, height)].join('\n');
}

function legend(series, area, height) {
  let at = area.left - 60;
  return series.map(({ name }, index) => {
    const entry = `<rect x="${at}" y="${height - 17}" width="12" height="3" fill="${COLOURS[index % COLOURS.length]}"/><text class="a" x="${at + 17}" y="${height - 11}">${escaped(name)}</text>`;
    at += 34 + name.length * 6.1;
    return entry;
  });
}

/**
 * A round number that is not below `most`, and the lines up to it.
 * @param base 1024 for bytes: 64 MiB is a round number of them.
 */
export function scale(most, base = 1000) {
  if (!(most > 0)) return { top: 1, ticks: [0, 1] };
  const unit = base ** Math.floor(Math.log(most) / Math.log(base));
  const power = unit * 10 ** Math.floor(Math.log10(most / unit));
  const top = [1, 2, 4, 8, 10, 20].map((factor) => factor * power).find((each) => each >= most);
  return { top, ticks: [0, 1, 2, 3, 4].map((part) => (top * part) / 4) };
}

/** Grafana's unit, for a number; undefined for one that is a name and no number. */
export function formatOf(unit) {
  switch (unit) {
    case 'none':
      return undefined;
    case 'percentunit':
      return (value) => `${Math.round(value * 1000) / 10} %`;
    case 's':
      return (value) => (value !== 0 && value < 1 ? `${round(value * 1000)} ms` : `${round(value)} s`);
    case 'bytes':
      return (value) => binary(value, 'B');
    case 'binBps':
      return (value) => binary(value, 'B/s');
    case 'ops':
      return (value) => (value >= 1000 ? `${round(value / 1000)}k/s` : `${round(value)}/s`);
    case 'short':
      return (value) => String(round(value));
    default:
      throw new Error(`no format for Grafana's unit ${unit}`);
  }
}

function binary(value, name) {
  const power = value < 1 ? 0 : Math.min(3, Math.floor(Math.log2(value) / 10));
  return `${round(value / 1024 ** power)} ${['', 'Ki', 'Mi', 'Gi'][power]}${name}`;
}

function round(value) {
  return Number(value.toPrecision(3));
}

function escaped(text) {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

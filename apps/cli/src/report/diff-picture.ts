import type { BlockDiff } from '../diff/compare-ram.js';
import type { GuestDiff } from '../diff/diff-run.js';
import { formatBytes, plain } from './format.js';

/** Pixels. */
const CELL = 8;
const COLUMNS = 96;
const MARGIN = 16;
const LINE = 20;
/** Bytes: smaller blocks tell nothing. */
const SMALLEST = 2 ** 20;

const COLOURS = { absent: '#eef1f4', same: '#b9c4d0', some: '#f2b366', most: '#d1495b' } as const;
const LEGEND = [
  [COLOURS.absent, 'absent'],
  [COLOURS.same, 'unchanged'],
  [COLOURS.some, 'fewer than half of its pages changed'],
  [COLOURS.most, 'half or more changed'],
] as const;

/** A map of memory as SVG: a square for each piece of a RAM block, in the order of its offsets. */
export function diffPicture(names: readonly [string, string], { blocks, pageSize }: GuestDiff): string {
  const shown = blocks.filter(({ lengths }) => Math.min(...lengths) >= SMALLEST);
  const parts: string[] = [];
  let y = MARGIN + LINE;
  parts.push(text(MARGIN, y, `${names[0]}, now ${names[1]}`, 'bold'));
  y += LINE;
  let x = MARGIN;
  for (const [colour, words] of LEGEND) {
    parts.push(square(x, y - CELL, colour), text(x + CELL + 4, y, words));
    x += CELL + 16 + words.length * 6.8;
  }
  for (const block of shown) {
    y += 1.5 * LINE;
    parts.push(text(MARGIN, y, heading(block, pageSize)));
    y += CELL;
    parts.push(...cells(block, y, pageSize));
    y += Math.ceil(block.map.changed.length / COLUMNS) * CELL;
  }
  const width = 2 * MARGIN + COLUMNS * CELL;
  const height = y + MARGIN;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">
<title>${escaped(`what differs: ${names[0]}, now ${names[1]}`)}</title>
<rect width="${width}" height="${height}" fill="#ffffff"/>
${parts.join('\n')}
</svg>
`;
}

function heading({ name, pages, changed, map }: BlockDiff, pageSize: number): string {
  return `${name}: ${changed} of ${pages} pages changed; a square is ${formatBytes(map.pagesPerCell * pageSize)}`;
}

/** What has not changed is one piece for each row and colour: a large guest has thousands of squares. */
function cells({ map, name }: BlockDiff, top: number, pageSize: number): string[] {
  const all: string[] = [];
  const { changed, present, pagesPerCell } = map;
  const colourOf = (index: number): string => colour(changed[index] ?? 0, present[index] ?? 0, pagesPerCell);
  for (let index = 0; index < changed.length; ) {
    const pages = changed[index] ?? 0;
    const fill = colourOf(index);
    const rowEnd = Math.min(changed.length, (Math.floor(index / COLUMNS) + 1) * COLUMNS);
    let next = index + 1;
    while (pages === 0 && next < rowEnd && changed[next] === 0 && colourOf(next) === fill) next++;
    const x = MARGIN + (index % COLUMNS) * CELL;
    const y = top + Math.floor(index / COLUMNS) * CELL;
    const at = `0x${(index * pagesPerCell * pageSize).toString(16)}`;
    const title = pages === 0 ? undefined : `${name} ${at}: ${pages} of ${pagesPerCell} pages`;
    all.push(square(x, y, fill, title, next - index));
    index = next;
  }
  return all;
}

function colour(changed: number, present: number, pages: number): string {
  if (changed > 0) return 2 * changed >= pages ? COLOURS.most : COLOURS.some;
  return present > 0 ? COLOURS.same : COLOURS.absent;
}

/** @param count how many squares wide it is. */
function square(x: number, y: number, fill: string, title?: string, count = 1): string {
  const width = count * CELL - 1;
  const place = `<rect x="${x}" y="${y}" width="${width}" height="${CELL - 1}" fill="${fill}"`;
  return title === undefined ? `${place}/>` : `${place}><title>${escaped(title)}</title></rect>`;
}

function text(x: number, y: number, words: string, weight = 'normal'): string {
  return `<text x="${x}" y="${y}" font-weight="${weight}" fill="#1d2733">${escaped(words)}</text>`;
}

/** A block's name, and a path, may hold anything. */
function escaped(words: string): string {
  return plain(words)
    .replace(/&/g, '&amp;')
    .replace(/</g, '&lt;')
    .replace(/>/g, '&gt;')
    .replace(
      /[\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g,
      '\ufffd',
    );
}

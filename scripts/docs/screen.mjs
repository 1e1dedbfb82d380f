/** Pure: what a terminal showed, from the bytes that a program wrote to it and when; and a picture of that. */

const COLUMNS = 110;
const [CHARACTER, LINE, MARGIN] = [8.43, 19, 18];

/**
 * @param events `{ at, text }`, in order: seconds since the start, and what was written then.
 * @returns rows of the screen. Each is a list of `{ text, from, to }`; `to` is undefined for what stays.
 */
export function rowsOf(events) {
  const screen = [''];
  const rows = [];
  let [row, column] = [0, 0];
  const put = (text) => {
    const before = (screen[row] ?? '').padEnd(column).slice(0, column);
    screen[row] = before + text + (screen[row] ?? '').slice(column + text.length);
    column += text.length;
  };
  for (const { at, text } of events) {
    for (const [, sequence, parameter, final, plain] of text.matchAll(
      // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the control characters of a terminal
      /(\x1b\[(\??\d*)([A-Za-z]))|([\r\n]|[^\x1b\r\n]+)/g,
    )) {
      if (plain === '\r') column = 0;
      else if (plain === '\n') [row, column] = [row + 1, 0];
      else if (plain !== undefined) put(plain);
      else if (final === 'K') screen[row] = parameter === '2' ? '' : (screen[row] ?? '').slice(0, column);
      else if (final === 'A') row = Math.max(0, row - Number(parameter || 1));
      else if (final === 'G') column = Number(parameter || 1) - 1;
      else if (!['h', 'l', 'm'].includes(final))
        throw new Error(`the terminal cannot do ${JSON.stringify(sequence)}`);
    }
    screen.forEach((shown, index) => {
      rows[index] ??= [];
      const spans = rows[index];
      const last = spans.at(-1);
      const now = (shown ?? '').trimEnd();
      if ((last?.text ?? '') === now) return;
      if (last !== undefined) last.to = at;
      spans.push({ text: now, from: at, to: undefined });
    });
  }
  return rows.map((spans) => spans.filter(({ text, from, to }) => text !== '' && from !== to));
}

/** An SVG that plays the screen once and keeps its last state, which is also all that a viewer without animations shows. */
export function svgOf(command, rows) {
  const used = rows.slice(0, rows.findLastIndex((spans) => spans.length > 0) + 1);
  const width = Math.ceil(COLUMNS * CHARACTER + 2 * MARGIN);
  const height = Math.ceil((used.length + 1) * LINE + 2 * MARGIN);
  const lines = used.flatMap((spans, index) => spans.map((span) => textOf(span, index + 1)));
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="A terminal: ${escaped(command)}">
<style>text{font:14px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;fill:#d6deeb;white-space:pre}.p{fill:#7fdbca}</style>
<rect width="${width}" height="${height}" rx="8" fill="#011627"/>
<text class="p" x="${MARGIN}" y="${MARGIN + 14}">$ ${escaped(command)}</text>
${lines.join('\n')}
</svg>
`;
}

function textOf({ text, from, to }, row) {
  const place = `x="${MARGIN}" y="${MARGIN + 14 + row * LINE}"`;
  const begin = from.toFixed(2);
  if (to === undefined)
    return `<text ${place}>${escaped(text)}<set attributeName="visibility" to="hidden" begin="0s" dur="${begin}s"/></text>`;
  return `<text ${place} visibility="hidden">${escaped(text)}<set attributeName="visibility" to="visible" begin="${begin}s" dur="${(to - from).toFixed(2)}s"/></text>`;
}

function escaped(text) {
  return text.slice(0, COLUMNS).replace(/[&<>"]/g, (character) => `&#${character.codePointAt(0)};`);
}

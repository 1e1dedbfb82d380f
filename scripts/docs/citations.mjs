/** Pure: what is wrong with citations of docs/wire.md and with links between files. No I/O, so that tests need no tree. */

/** Numbers of the sections that a page has, from its headings: `## 4. Channels`, `### 4.2 RAM packet`. */
export function sectionsOf(markdown) {
  const headings = markdown.matchAll(/^#{2,3} (\d+(?:\.\d+)?)\.? /gm);
  return new Set([...headings].map(([, number]) => number));
}

/**
 * Citations in a text, with their line: `docs/wire.md, 2, 3 and 7`, `docs/wire.md, 2 to 4`. A line break of a comment
 * may stand anywhere in between.
 */
export function citationsIn(text) {
  const gap = String.raw`\s+(?:(?:\*|//[/!]?|#)\s+)?`;
  const number = String.raw`\d+(?:\.\d+)?`;
  const list = new RegExp(`wire\\.md,${gap}(${number}(?:(?:,|${gap}(?:and|to))${gap}${number})*)`, 'g');
  return [...text.matchAll(list)].flatMap((match) =>
    [...match[1].matchAll(new RegExp(number, 'g'))].map(([section]) => ({
      section,
      line: lineOf(text, match.index),
    })),
  );
}

/** Targets of the links of a Markdown text that are files here: no URL, no anchor. */
export function linksIn(markdown) {
  return [...markdown.matchAll(/\]\(([^)\s]+)\)/g)]
    .map((match) => ({ target: match[1].replace(/#.*$/, ''), line: lineOf(markdown, match.index) }))
    .filter(({ target }) => target !== '' && !/^[a-z][a-z+.-]*:/i.test(target));
}

function lineOf(text, index) {
  return text.slice(0, index).split('\n').length;
}

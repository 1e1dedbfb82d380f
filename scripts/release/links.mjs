/** Pure: links of a package's Markdown, for somebody who has the package and not the repository. */

/** What stands in a fence or between backticks is nobody's link; a link's label may have backticks. */
const CODE_OR_LINK = /^```[\s\S]*?^```$|(!?)\[([^\]]*)\]\(([^)\s]+)\)|`(?:(?!\n\n)[^`])+`/gm;

/**
 * @param folder of the package, as `packages/core`.
 * @param page where the text lies in the repository, as `docs/wire.md`.
 * @param shipped pages of the repository's `docs` that the package holds, as `wire.md`.
 * @param ours names of the published packages by their folder in the repository.
 * @param repository its address; undefined: it has none yet, and what leads into it becomes words.
 */
export function linksForPackage(markdown, { folder, page, shipped, ours, repository }) {
  return markdown.replace(CODE_OR_LINK, (whole, image, label, link) => {
    if (link === undefined || /^(https?:|#)/.test(link)) return whole;
    const { pathname, hash } = new URL(link, `file:///${page}`);
    const path = decodeURI(pathname).slice(1).replace(/\/$/, '');
    const [, doc] = /^docs\/([^/]+\.md)$/.exec(path) ?? [];
    if (doc !== undefined && shipped.has(doc))
      return `${image}[${label}](${page.startsWith('docs/') ? '' : 'docs/'}${doc}${hash})`;
    const name = ours.get(path.replace(/\/README\.md$/, ''));
    if (name !== undefined && path !== folder) return `[${label}](https://www.npmjs.com/package/${name})`;
    if (repository !== undefined) return `${image}[${label}](${repository}/blob/HEAD/${path}${hash})`;
    const isNamed = path.endsWith(label.replaceAll('`', ''));
    return isNamed ? `\`${path}\` in the repository` : `${label} (\`${path}\` in the repository)`;
  });
}

/** @returns pages of the repository's `docs` that a text cites or links to, as `wire.md`. */
export function citedDocs(text) {
  return [...text.matchAll(/\bdocs\/([a-z-]+\.md)\b/g)].map(([, doc]) => doc);
}

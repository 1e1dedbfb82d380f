/** Pure: which file of the repository is which page, and where its links go. */
import { posix } from 'node:path';

/** @returns the page's path without extension, or undefined if the file is no page. */
export function pageOf(file) {
  const rules = [
    [/^README\.md$/, () => 'index'],
    [/^(CONTRIBUTING|RELEASING)\.md$/, ([, name]) => name.toLowerCase()],
    // docs/security.md is the page of that name.
    [/^SECURITY\.md$/, () => 'security-policy'],
    [/^docs\/(.*)README\.md$/, ([, folder]) => `${folder}index`],
    [/^docs\/(.*)\.md$/, ([, name]) => name],
    [/^(?:packages|apps)\/([^/]+)\/README\.md$/, ([, name]) => `packages/${name}`],
    [/^examples\/([^/]+)\/README\.md$/, ([, name]) => `examples/${name}`],
  ];
  for (const [pattern, path] of rules) {
    const match = pattern.exec(file);
    if (match !== null) return path(match);
  }
  return undefined;
}

/**
 * The text of a page with links that work on the site. A link to a file that is no page goes to `repository`; without one
 * only its text stays.
 *
 * @param file path of `markdown` in the repository.
 * @param isPage whether a path of the repository is among the pages.
 * @param repository address, or undefined.
 */
export function withLinks(markdown, file, isPage, repository) {
  return markdown.replace(
    /(!?)\[((?:[^[\]]|!?\[[^[\]]*\](?:\([^)]*\))?)*)\]\(([^)\s]+)\)/g,
    (whole, image, text, target) => {
      if (/^[a-z][a-z+.-]*:|^#/i.test(target)) return whole;
      const [path, hash] = target.split('#');
      const to = posix.join(posix.dirname(file), path);
      if (image === '!') return `![${text}](/${posix.relative('docs', to)})`;
      const page = [to, posix.join(to, 'README.md')].find(isPage);
      if (page !== undefined) return `[${text}](/${pageOf(page)}.md${hash === undefined ? '' : `#${hash}`})`;
      return repository === undefined ? text : `[${text}](${repository}/blob/HEAD/${to})`;
    },
  );
}

/** As GitHub makes the anchor of a heading, so that links between the files work in both places. */
export function slugOf(heading) {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\p{M}_ -]/gu, '')
    .replaceAll(' ', '-');
}

/** Lays out the pages of the site in `content`, from the Markdown files that git knows. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pageOf, withLinks } from './pages.mjs';

const ROOT = join(import.meta.dirname, '../../..');
const CONTENT = join(import.meta.dirname, '../content');
/** Where the sources are, such as `https://github.com/OWNER/NAME`. Without it, links to them are left out. */
const { MULTIFD_REPOSITORY: repository } = process.env;

const known = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard', '*.md'], {
  cwd: ROOT,
  encoding: 'utf8',
});
const pages = new Set(known.split('\0').filter((file) => file !== '' && pageOf(file) !== undefined));
for (const unpublished of ['packages/testing/README.md', 'apps/site/README.md']) pages.delete(unpublished);

rmSync(CONTENT, { recursive: true, force: true });
for (const file of pages) {
  const to = join(CONTENT, `${pageOf(file)}.md`);
  mkdirSync(dirname(to), { recursive: true });
  writeFileSync(
    to,
    withLinks(readFileSync(join(ROOT, file), 'utf8'), file, (path) => pages.has(path), repository),
  );
}
cpSync(join(ROOT, 'docs/images'), join(CONTENT, 'public/images'), { recursive: true });
console.log(`${pages.size} pages`);

/** Fails if a link of the built site leads to a page, a file or an anchor that is not there. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';

const DIST = join(import.meta.dirname, '../dist');

const files = readdirSync(DIST, { recursive: true })
  .filter((file) => file.endsWith('.html'))
  .map((file) => file.replaceAll('\\', '/'));
const pages = new Map(files.map((file) => [`/${file}`, partsOf(readFileSync(join(DIST, file), 'utf8'))]));

const faults = [];
let links = 0;
for (const [page, { targets }] of pages) {
  for (const target of targets) {
    if (/^[a-z][a-z+.-]*:|^\/\//i.test(target)) continue;
    links++;
    const [path, hash = ''] = decodeURI(target).split('#');
    const to = path === '' ? page : posix.resolve(posix.dirname(page), path);
    const found = [to, `${to}.html`, posix.join(to, 'index.html')].find((each) => pages.has(each));
    if (found === undefined && (to === '/' || !existsSync(join(DIST, to))))
      faults.push(`${page}: no page ${target}`);
    else if (found !== undefined && hash !== '' && !pages.get(found).anchors.has(hash))
      faults.push(`${page}: no anchor ${target}`);
  }
}
for (const fault of new Set(faults)) console.error(fault);
console.log(`${pages.size} pages, ${links} links, ${faults.length} faults`);
if (faults.length > 0 || links === 0) process.exitCode = 1;

function partsOf(html) {
  const all = (pattern) => [...html.matchAll(pattern)].map(([, value]) => value.replaceAll('&amp;', '&'));
  return {
    targets: all(/<(?:a|img)\s[^>]*?(?:href|src)="([^"]*)"/g),
    anchors: new Set(all(/\sid="([^"]*)"/g)),
  };
}

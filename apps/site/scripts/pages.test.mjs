import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pageOf, slugOf, withLinks } from './pages.mjs';

const PAGES = new Set(['README.md', 'docs/wire.md', 'docs/decisions/README.md', 'packages/core/README.md']);
const on = (file, markdown, repository) => withLinks(markdown, file, (path) => PAGES.has(path), repository);

test('which file is which page', () => {
  assert.deepEqual(
    [
      'README.md',
      'SECURITY.md',
      'docs/security.md',
      'docs/wire.md',
      'docs/decisions/README.md',
      'apps/cli/README.md',
      'LICENSE',
    ].map(pageOf),
    ['index', 'security-policy', 'security', 'wire', 'decisions/index', 'packages/cli', undefined],
  );
});

test('links between pages, also by their folder, with anchors', () => {
  assert.equal(
    on('docs/wire.md', '[a](../packages/core) [b](decisions/README.md#x)'),
    '[a](/packages/core.md) [b](/decisions/index.md#x)',
  );
  assert.equal(
    on('packages/core/README.md', '[w](../../docs/wire.md#4-channels)'),
    '[w](/wire.md#4-channels)',
  );
});

test('a link to a source file needs a repository, or only its text stays; others stay as they are', () => {
  assert.equal(on('README.md', '[`x`](packages/core/src/x.ts)'), '`x`');
  assert.equal(
    on('README.md', '[`x`](packages/core/src/x.ts)', 'https://example.invalid/m'),
    '[`x`](https://example.invalid/m/blob/HEAD/packages/core/src/x.ts)',
  );
  assert.equal(
    on('README.md', '[o](https://example.invalid) [h](#here)'),
    '[o](https://example.invalid) [h](#here)',
  );
});

test('pictures of docs', () => {
  assert.equal(on('README.md', '![a [b] c](docs/images/p.svg)'), '![a [b] c](/images/p.svg)');
});

test('anchors as GitHub has them', () => {
  assert.equal(slugOf("A page's way"), 'a-pages-way');
  assert.equal(slugOf('4.2 RAM packet'), '42-ram-packet');
});

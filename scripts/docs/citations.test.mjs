import assert from 'node:assert/strict';
import { test } from 'node:test';
import { citationsIn, linksIn, sectionsOf } from './citations.mjs';

test('sections are the numbers of headings', () => {
  const sections = sectionsOf('# 9 title\n## 4. Channels\n### 4.2 RAM packet\ntext 5.1\n#### 4.2.1 no\n');
  assert.deepEqual([...sections], ['4', '4.2']);
});

test('a citation may name several sections, and break at the end of a line', () => {
  const sections = (text) => citationsIn(text).map(({ section }) => section);
  assert.deepEqual(sections('(docs/wire.md, 4.2)'), ['4.2']);
  assert.deepEqual(sections('docs/wire.md, 2, 3 and 7: see'), ['2', '3', '7']);
  assert.deepEqual(sections('docs/wire.md, 2 to 4'), ['2', '4']);
  assert.deepEqual(sections(' * as docs/wire.md,\n * 7.2 and\n * 8 say'), ['7.2', '8']);
  assert.deepEqual(sections('// docs/wire.md, 1\n// and 4.5'), ['1', '4.5']);
  assert.deepEqual(sections('see docs/wire.md for all'), []);
  assert.deepEqual(citationsIn('\n\n(docs/wire.md, 6.1)'), [{ section: '6.1', line: 3 }]);
});

test('links are those to files', () => {
  const text = '[a](b.md#c) [d](#e) [f](https://example.org/g.md)\n[h](../i)';
  assert.deepEqual(linksIn(text), [
    { target: 'b.md', line: 1 },
    { target: '../i', line: 2 },
  ]);
});

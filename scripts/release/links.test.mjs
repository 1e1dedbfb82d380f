import assert from 'node:assert/strict';
import { test } from 'node:test';
import { citedDocs, linksForPackage } from './links.mjs';

const OF_CORE = {
  folder: 'packages/core',
  page: 'packages/core/README.md',
  shipped: new Set(['wire.md']),
  ours: new Map([
    ['packages/core', '@multifd/core'],
    ['packages/qemu', '@multifd/qemu'],
  ]),
};
const HOME = 'https://forge.example/multifd';

for (const [what, given, alone, atHome = alone] of [
  ['a page that the package holds', '[the wire](../../docs/wire.md#4)', '[the wire](docs/wire.md#4)'],
  [
    'a page that it does not hold',
    '[security](../../docs/security.md#tls)',
    'security (`docs/security.md` in the repository)',
    `[security](${HOME}/blob/HEAD/docs/security.md#tls)`,
  ],
  [
    'a file that is called by its name',
    '[`src/kernel.ts`](src/kernel.ts)',
    '`packages/core/src/kernel.ts` in the repository',
    `[\`src/kernel.ts\`](${HOME}/blob/HEAD/packages/core/src/kernel.ts)`,
  ],
  ['another package', '[`qemu`](../qemu)', '[`qemu`](https://www.npmjs.com/package/@multifd/qemu)'],
  ['its README', '[qemu](../qemu/README.md)', '[qemu](https://www.npmjs.com/package/@multifd/qemu)'],
  ['an address', '[a](https://a.example/x)', '[a](https://a.example/x)'],
  ['a place in this page', '[a](#b)', '[a](#b)'],
  [
    'two links with code in a line',
    '`x`, [`A`](a.ts), [`B`](b.ts) and `y\nz`, [wire](../../docs/wire.md), `u`',
    '`x`, `A` (`packages/core/a.ts` in the repository), `B` (`packages/core/b.ts` in the repository) and `y\nz`, [wire](docs/wire.md), `u`',
    `\`x\`, [\`A\`](${HOME}/blob/HEAD/packages/core/a.ts), [\`B\`](${HOME}/blob/HEAD/packages/core/b.ts) and \`y\nz\`, [wire](docs/wire.md), \`u\``,
  ],
  ['code', '`[a](b.md)` and\n```js x\n[a](b.md)\n```\n', '`[a](b.md)` and\n```js x\n[a](b.md)\n```\n'],
]) {
  test(`${what}: without a home and with one`, () => {
    assert.equal(linksForPackage(given, OF_CORE), alone);
    assert.equal(linksForPackage(given, { ...OF_CORE, repository: HOME }), atHome);
  });
}

test('pages that are shipped lead to each other', () => {
  const shipped = new Set(['wire.md', 'interop.md']);
  const page = { ...OF_CORE, page: 'docs/wire.md', shipped };
  assert.equal(linksForPackage('see [it](interop.md#a)', page), 'see [it](interop.md#a)');
});

test('pages that a text cites', () => {
  assert.deepEqual(
    citedDocs('see docs/wire.md, 4.2, and [x](../../docs/security.md), not docs/samples/a.jsonl'),
    ['wire.md', 'security.md'],
  );
});

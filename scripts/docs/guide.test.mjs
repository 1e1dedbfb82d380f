import assert from 'node:assert/strict';
import { test } from 'node:test';
import { codeOf } from './guide.mjs';

test('files and commands of a guide; code without a name is for reading', () => {
  const { files, commands } = codeOf(
    [
      '# A',
      '```sh start',
      'npm init',
      '```',
      '```ts src/a.ts',
      'a;',
      'b;',
      '```',
      '```js',
      'c',
      '```',
      '',
    ].join('\n'),
  );
  assert.deepEqual([...files], [['src/a.ts', 'a;\nb;\n']]);
  assert.deepEqual([...commands], [['start', 'npm init\n']]);
});

test('the same name twice is an error: one of them would run nowhere', () => {
  assert.throws(() => codeOf('```sh try\na\n```\n```sh try\nb\n```\n'), /two pieces of code are called try/);
});

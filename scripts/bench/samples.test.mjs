import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromLines, toLines } from './samples.mjs';

test('a document comes back from its lines', () => {
  const document = {
    environment: { cpu: 'x', cores: 2 },
    repeats: 3,
    runs: [{ id: 'a', samples: [1, 2] }, []],
  };
  const lines = toLines(document, 'runs');
  assert.equal(lines.trimEnd().split('\n').length, 3);
  assert.deepEqual(fromLines(lines), document);
});

test('what is no file of samples is refused', () => {
  assert.throws(() => fromLines(''), /no samples/);
  assert.throws(() => fromLines('{"environment":{}}\n'), /no samples/);
});

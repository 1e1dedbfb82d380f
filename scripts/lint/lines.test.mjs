import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countLines, isSource } from './lines.mjs';

test('sources are told by their names, and scripts by their first lines', () => {
  const source = ['src/a.ts', 'types.mts', 'config.mjs', 'crates/a/tests/fuzz/main.rs', 'on-terminal.py'];
  for (const path of source) assert.equal(isSource(path, ''), true, path);
  for (const path of ['README.md', 'turbo.json', 'samples.jsonl', 'pnpm-lock.yaml', '.gitignore'])
    assert.equal(isSource(path, '#!'), false, path);
  assert.equal(isSource('.ci/run', '#!/usr/bin/env bash\n'), true);
  assert.equal(isSource('LICENSE', 'MIT License\n'), false);
});

test('lines are counted whether or not the last one ends', () => {
  assert.deepEqual(['', 'a', 'a\n', 'a\nb', 'a\n\n'].map(countLines), [0, 1, 1, 2, 2]);
});

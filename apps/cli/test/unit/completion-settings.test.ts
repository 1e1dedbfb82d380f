import type { Settings } from '@multifd/core';
import { expect, it } from 'vitest';
import { acceleratorWords } from '../../src/completion/commands.js';

const settings = {
  wq: { type: 'list', positional: true, default: [], help: 'work queues' },
  depth: { type: 'number', default: 16, help: 'descriptors in flight' },
} as const satisfies Settings;

const KNOWN = new Map<string, Settings>([
  ['js', {}],
  ['dsa', settings],
  ['dsa:software', { depth: settings.depth }],
]);

it.each([
  ['', []],
  ['ds', []],
  ['js:', []],
  ['dsa:', ['dsa:wq=', 'dsa:depth=']],
  ['dsa:de', ['dsa:wq=', 'dsa:depth=']],
  ['dsa:depth=4,', ['dsa:depth=4,wq=', 'dsa:depth=4,depth=']],
  ['dsa:software:', ['dsa:wq=', 'dsa:depth=', 'dsa:software:depth=']],
])('the keys of settings complete what is typed: %j', (typed, keys) => {
  expect(acceleratorWords(KNOWN, typed)).toEqual(['js', 'dsa', 'dsa:software', ...keys]);
});

import { expect, test } from 'vitest';
import { takesSharedMemory } from '../src/gpu/shared-memory.js';

test.each([
  ['22.0.0', false],
  ['22.15.0', false],
  ['22.20.0', false],
  ['22.21.0', true],
  ['22.23.3', true],
  ['23.11.0', false],
  ['24.0.0', false],
  ['24.8.0', false],
  ['24.9.0', true],
  ['25.0.0', true],
  ['26.10.0', true],
])('Node %s: %o', (version, takes) => {
  expect(takesSharedMemory(version)).toBe(takes);
});

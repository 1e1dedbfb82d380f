import { expect, it } from 'vitest';
import { inOrder } from '../src/longest-first.js';

it('files that are named begin first, in their order, and the others as they were', () => {
  const paths = ['e2e/b', 'e2e/d', 'e2e/long', 'unit/long', 'e2e/a'].map((name) => `/x/test/${name}.test.ts`);
  const given = paths.map((moduleId) => ({ moduleId }));
  const order = inOrder(['e2e/a.test.ts', 'e2e/gone.test.ts', 'e2e/long.test.ts'], given);
  expect(order.map(({ moduleId }) => /test\/(.*)\.test\.ts/.exec(moduleId)?.[1])).toEqual([
    'e2e/a',
    'e2e/long',
    'e2e/b',
    'e2e/d',
    'unit/long',
  ]);
});

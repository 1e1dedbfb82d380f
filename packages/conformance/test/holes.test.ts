import { describe, expect, test } from 'vitest';
import { holes } from './broken/holes.js';
import { firstFailureOf } from './helpers.js';

describe('wrong in one corner, and caught by the case that is made for it', () => {
  for (const { broken, seenBy } of holes) {
    test(broken.name, async () => {
      expect(await firstFailureOf(broken, {}, seenBy)).toBeDefined();
    });
  }
});

import { describe, expect, test } from 'vitest';
import { holes } from './broken/holes.js';
import { outcomes } from './helpers.js';

describe('wrong in one corner, and caught by the case that is made for it', () => {
  for (const { broken, seenBy } of holes) {
    test(broken.name, async () => {
      const ended = await outcomes(broken, {}, /^(?!.*while the guest writes)/);
      const failed = ended.filter(({ outcome }) => outcome === 'failed').map(({ name }) => name);
      expect(failed).not.toEqual([]);
      expect(failed.filter((name) => seenBy.test(name))).not.toEqual([]);
    });
  }
});

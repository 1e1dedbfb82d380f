import { describe, expect, it } from 'vitest';
import { MultifdError, WireError } from '../src/errors.js';

describe('an error of another copy of this package', () => {
  it('is known as what it is, and nothing else is', async () => {
    // As of a subpath that is a file of its own.
    const url = new URL('../src/errors.ts?another', import.meta.url).href;
    const other: typeof import('../src/errors.js') = await import(url);
    const fault = { where: 'channel 0', field: 'magic', offset: 0, expected: '1', got: '2' };
    const [plain, wire] = [new other.MultifdError('io', 'a disk is full'), new other.WireError(fault)];
    expect(other.MultifdError).not.toBe(MultifdError);
    expect([plain, wire].map((error) => error instanceof MultifdError)).toEqual([true, true]);
    expect([plain, wire].map((error) => error instanceof WireError)).toEqual([false, true]);
    for (const error of [new Error('x'), { code: 'io' }, undefined]) {
      expect(error instanceof MultifdError).toBe(false);
      expect(error instanceof WireError).toBe(false);
    }
  });
});

describe('what an error quotes of a peer', () => {
  it.each([
    ['an escape sequence', '\u001b[2J\u001b]0;x\u0007'],
    ['a new line', 'a\nmultifd: completed'],
    ['another end of a line', 'a\u2028b\u2029c\u0085d'],
    ['another writing direction', '\u202egnp.mar\u2066x\u200f'],
  ])('%s neither breaks its line nor steers a terminal, in message and hint', (_what, name) => {
    const { message, hint = '' } = new MultifdError('protocol', `block ${name}`, { hint: `see ${name}` });
    for (const line of [message, hint]) expect(line).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}\p{Cf}]/u);
    expect(message).toMatch(/^block /);
    expect(hint).toMatch(/^see /);
  });

  it('a name in any language stays as it is', () => {
    const name = '\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645 \u4e2d\u6587 \u{1f469}\u200d\u{1f680}';
    expect(new MultifdError('io', name, { hint: name })).toMatchObject({ message: name, hint: name });
  });
});

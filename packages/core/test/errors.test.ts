import { describe, expect, it } from 'vitest';
import { MultifdError } from '../src/errors.js';

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

import { checkName } from '@multifd/store';
import { describe, expect, it } from 'vitest';
import { parseStorePlace } from '../../src/options/store-place.js';

/** Whether a name is taken, by the store and by the command, which knows the rule without loading the store. */
function takenBy(name: string): { readonly store: boolean; readonly command: boolean } {
  const isTaken = (parse: () => void): boolean => {
    try {
      parse();
      return true;
    } catch {
      return false;
    }
  };
  return {
    store: isTaken(() => checkName(name)),
    command: isTaken(() => parseStorePlace(`DIR#${name}`, 'snapshot')),
  };
}

describe('the name of a snapshot', () => {
  it.each(['one', '_', '0', 'A.b-c_9', 'x'.repeat(128)])('%j is taken', (name) => {
    expect(takenBy(name)).toEqual({ store: true, command: true });
  });

  it.each(['', '.', '..', '-x', 'a/b', 'a b', 'é', 'a\n', 'a\0', 'x'.repeat(129)])(
    '%j is refused',
    (name) => {
      expect(takenBy(name)).toEqual({ store: false, command: false });
    },
  );

  it('may have the same characters for both, first and later', () => {
    for (let code = 0; code < 0x180; code++) {
      const character = String.fromCharCode(code);
      // The last # ends the directory.
      if (character === '#') continue;
      for (const name of [character, `a${character}`, `a${character}b`]) {
        const { store, command } = takenBy(name);
        expect(command, JSON.stringify(name)).toBe(store);
      }
    }
  });

  it('may be as long for both', () => {
    for (let length = 0; length < 300; length++) {
      const { store, command } = takenBy('x'.repeat(length));
      expect(command, `${length} characters`).toBe(store);
    }
  });
});

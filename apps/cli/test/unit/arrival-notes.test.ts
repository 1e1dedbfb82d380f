import { MultifdError } from '@multifd/core';
import { expect, it } from 'vitest';
import { arrivalNotes } from '../../src/images/arrival-notes.js';

it('what a store has met while its guest came', () => {
  expect(arrivalNotes({ setback: undefined, stale: 0 }, 'store:x#a')).toEqual([]);
  const setback = new MultifdError('io', 'store:x: cannot write packs/1: the disk is full');
  expect(arrivalNotes({ setback, stale: 3 * 2 ** 20 }, 'store:x#a')).toEqual([
    'store:x#a: storing failed while the guest came, and all was done again when it stood still: ' +
      'store:x: cannot write packs/1: the disk is full',
    'store:x#a: 3.0 MiB more than it needs were stored, of RAM that the guest wrote again while it came',
  ]);
});

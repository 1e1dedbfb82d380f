import { MultifdError } from '@multifd/core';
import { describe, expect, it } from 'vitest';
import { parseFilePlace } from '../../src/options/file-place.js';

const nothing = (): boolean => false;

describe('file:PATH,offset=N', () => {
  it.each([
    ['guest.mig', { path: 'guest.mig' }],
    ['guest.mig,offset=4096', { path: 'guest.mig', offset: 4096 }],
    ['guest.mig,offset=1M', { path: 'guest.mig', offset: 2 ** 20 }],
    // As libvirt writes it.
    ['/dev/shm/a,offset=0x1105c', { path: '/dev/shm/a', offset: 0x1105c }],
    ['a,b=c,offset=0', { path: 'a,b=c', offset: 0 }],
    ['offset=3', { path: 'offset=3' }],
  ])('%s', (text, place) => expect(parseFilePlace(text, nothing)).toEqual(place));

  it('a file that has all of it as its name is meant as it is', () => {
    const exists = (path: string): boolean => path === 'a,offset=7';
    expect(parseFilePlace('a,offset=7', exists)).toEqual({ path: 'a,offset=7' });
    expect(parseFilePlace('a,offset=8', exists)).toEqual({ path: 'a', offset: 8 });
  });

  it.each(['a,offset=', 'a,offset=-1', 'a,offset=x', 'a,offset=0x', 'a,offset=1,offset=2', ',offset=1'])(
    'refuses %j',
    (text) => {
      expect(() => parseFilePlace(text, nothing)).toThrow(MultifdError);
      expect(() => parseFilePlace(text, nothing)).toThrow(expect.objectContaining({ code: 'usage' }));
    },
  );
});

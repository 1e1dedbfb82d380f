import { MultifdError } from '@multifd/core';
import { quote } from './sizes.js';

/** @throws MultifdError `codec-unavailable` for anything but `none`. */
export function parseCompression(text: string): string {
  if (text === 'none') return text;
  throw new MultifdError('codec-unavailable', `compression ${quote(text)} is not available in this version`, {
    hint: 'known here: none',
  });
}

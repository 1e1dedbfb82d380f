import { types } from 'node:util';
import { kindOf } from '../given.js';

/**
 * What is wrong with block `index`'s bitmap, in words that follow its name; undefined: nothing.
 * @param bitmaps one for each block, whatever the types say.
 */
export function bitmapFault(
  bitmaps: readonly unknown[],
  index: number,
  length: number,
  pageSize: number,
): string | undefined {
  const bitmap = bitmaps[index];
  // Not `instanceof`: one of another realm will do.
  if (!types.isSharedArrayBuffer(bitmap)) return `must be a SharedArrayBuffer, is ${kindOf(bitmap)}`;
  const least = Math.ceil(length / pageSize / 32) * 4;
  if (bitmap.byteLength < least) return `has ${bitmap.byteLength} bytes of ${least}`;
  // Whoever takes one block's marks would take the other's.
  return bitmaps.indexOf(bitmap) === index ? undefined : 'is that of another block too';
}

import { MultifdError } from '@multifd/core';

const SUFFIX = '.raw';

/** A block's image in a directory: the name, with everything that a file name cannot hold as %XX. */
export function imageFileName(block: string): string {
  return `${encodeURIComponent(block)}${SUFFIX}`;
}

/** The block that an image is of; undefined for a file that is no image. @throws MultifdError `usage` */
export function blockOfImage(file: string): string | undefined {
  if (!file.endsWith(SUFFIX) || file === SUFFIX) return undefined;
  try {
    return decodeURIComponent(file.slice(0, -SUFFIX.length));
  } catch {
    throw new MultifdError('usage', `${file}: its name is not one that a raw: target gives`, {
      hint: 'a block name is written with %XX for what a file name cannot hold; %25 is the percent sign',
    });
  }
}

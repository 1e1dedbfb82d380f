import { MultifdError } from '@multifd/core';

const SUFFIX = '.raw';
/** Bytes of a file name, on every file system that we know. */
const NAME_MAX = 255;

/**
 * A block's image in a directory: the name, with everything that a file name cannot hold as %XX.
 * @throws MultifdError `usage` for a name that is too long then: shortened, it would not give the block's name back.
 */
export function imageFileName(block: string): string {
  const file = `${encodeURIComponent(block)}${SUFFIX}`;
  if (file.length <= NAME_MAX) return file;
  throw new MultifdError(
    'usage',
    `RAM block ${block.slice(0, 32)}…: the name of its image would have ${file.length} bytes, and a file name may have ${NAME_MAX}`,
    { hint: 'receive this guest with file: (one file, any names), or into memory' },
  );
}

/** The block that an image is of; undefined for a file that is no image. @throws MultifdError `usage` */
export function blockOfImage(file: string): string | undefined {
  if (!file.endsWith(SUFFIX) || file === SUFFIX) return undefined;
  try {
    return decodeURIComponent(file.slice(0, -SUFFIX.length));
  } catch {
    throw new MultifdError('usage', `${file}: no raw: target gives an image this name`, {
      hint: '%XX stands for a byte that a file name cannot hold; a percent sign is %25',
    });
  }
}

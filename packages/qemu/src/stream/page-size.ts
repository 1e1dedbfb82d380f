import { WireError } from '@multifd/core';
import { isPageSize } from '@multifd/core/wire';

/** @param name the file. @throws WireError `protocol` for a page size that no guest of ours has. */
export function checkPageSize(size: number, name: string): void {
  if (isPageSize(size)) return;
  throw new WireError({
    where: `${name}, vm description`,
    field: 'page_size',
    offset: 0,
    expected: '4096 to 65536, a power of two',
    got: `${size}`,
  });
}

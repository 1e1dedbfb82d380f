import { WireError } from '@multifd/core';
import { isPageSize } from '@multifd/core/wire';

/**
 * @param name the file.
 * @throws WireError `incompatible` for the page size of a machine whose guests are not ours to move (raspi: 1024);
 *   `protocol` for one that no machine has.
 */
export function checkPageSize(size: number, name: string): void {
  if (isPageSize(size)) return;
  const isMachines = Number.isInteger(Math.log2(size)) && size >= 256 && size <= 2 ** 21;
  throw new WireError(
    {
      where: `${name}, vm description`,
      field: 'page_size',
      offset: 0,
      expected: '4096 to 65536, a power of two',
      got: `${size}`,
    },
    isMachines ? 'incompatible' : 'protocol',
    isMachines ? 'multifd does not move guests with such pages: QEMU itself loads this file' : undefined,
  );
}

import { Option } from '@commander-js/extra-typings';
import { MultifdError } from '@multifd/core';
import { quote } from './sizes.js';

/** `--ram`, for the dump of a guest whose RAM is several memory backends. */
export function ramBlocks() {
  return new Option(
    '--ram <names>',
    "core: the RAM blocks that are the machine's RAM, in the order of its NUMA nodes, as in m0,m1 (default: the one that is)",
  ).argParser(parseRamBlocks);
}

/** @throws MultifdError `usage` */
function parseRamBlocks(text: string): readonly string[] {
  const names = text.split(',');
  if (names.every((name) => name !== '')) return names;
  throw new MultifdError('usage', `--ram ${quote(text)}: an empty name`, { hint: 'as in --ram m0,m1' });
}

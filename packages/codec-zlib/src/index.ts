import { streamMethod } from '@multifd/codec-native';
import type { MethodSetting, MultiFDMethods } from '@multifd/core/codec';

/** QEMU's parameter, with its range and default. */
const LEVEL: MethodSetting = {
  name: 'multifd-zlib-level',
  least: 0,
  most: 9,
  usual: 1,
  help: 'from 0, none, to 9, best',
};

/** What `multifd-compression` zlib finds in this module. */
export const methods: readonly MultiFDMethods[] = [streamMethod({ name: 'zlib', flag: 0x02, level: LEVEL })];

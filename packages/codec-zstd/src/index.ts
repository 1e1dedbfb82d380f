import { streamMethod } from '@multifd/codec-native';
import type { MethodSetting, MultiFDMethods } from '@multifd/core/codec';

/** QEMU's parameter, with its range and default. */
const LEVEL: MethodSetting = {
  name: 'multifd-zstd-level',
  least: 0,
  most: 20,
  usual: 1,
  help: "from 1, fastest, to 20, best, 0 being zstd's own choice",
};

/** What `multifd-compression` zstd finds in this module. */
export const methods: readonly MultiFDMethods[] = [streamMethod({ name: 'zstd', flag: 0x04, level: LEVEL })];

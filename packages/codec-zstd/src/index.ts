import { streamMethod } from '@multifd/codec-native';
import type { MultiFDMethods } from '@multifd/core/codec';

/** QEMU's parameter and its range. 0 is zstd's own default, 3. */
export const LEVEL = { parameter: 'multifd-zstd-level', most: 20, usual: 1 } as const;

/** What `multifd-compression` zstd finds in this module. */
export const methods: readonly MultiFDMethods[] = [streamMethod({ name: 'zstd', flag: 0x04, level: LEVEL })];

import { streamMethod } from '@multifd/codec-native';
import type { MultiFDMethods } from '@multifd/core/codec';

/** QEMU's parameter and its range. 0 stores. */
export const LEVEL = { parameter: 'multifd-zlib-level', most: 9, usual: 1 } as const;

/** What `multifd-compression` zlib finds in this module. */
export const methods: readonly MultiFDMethods[] = [streamMethod({ name: 'zlib', flag: 0x02, level: LEVEL })];

import { availableParallelism } from 'node:os';

/**
 * Of `migrate`, `receive` and `relay`, what says who reads and writes sockets. Node, unless the tests of a host package run
 * these tests once more with their own module (packages/host-linux/vitest.config.ts).
 */
const { MULTIFD_TEST_SOCKET_IO: module } = process.env;
export const host: { readonly socketIo?: string } = module === undefined ? {} : { socketIo: module };

/** More channels than any machine has processors for: they share threads. */
export const MANY_CHANNELS = Math.min(255, 2 * availableParallelism() + 1);

/** Who encrypts and decrypts the channels of TLS 1.3. */
export const channelsTls = module === undefined ? 'node:tls' : 'host-linux';

/**
 * Of `migrate`, `receive` and `relay`, what says who reads and writes sockets. Node, unless the tests of a host package run
 * these tests once more with their own module (packages/host-linux/vitest.config.ts).
 */
const { MULTIFD_TEST_SOCKET_IO: module } = process.env;
export const host: { readonly socketIo?: string } = module === undefined ? {} : { socketIo: module };

/** Who encrypts and decrypts the channels of TLS 1.3. */
export const channelsTls = module === undefined ? 'node:tls' : 'host-linux';

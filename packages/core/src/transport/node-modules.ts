import { createRequire } from 'node:module';

/**
 * Modules of Node's own that every thread has code for and few use. A thread loads them when it first needs them: OpenSSL
 * takes 14 ms of CPU time, a quarter of its start.
 */
const require = createRequire(import.meta.url);

export const nodeTls = (): typeof import('node:tls') => require('node:tls');

export const nodeCrypto = (): typeof import('node:crypto') => require('node:crypto');

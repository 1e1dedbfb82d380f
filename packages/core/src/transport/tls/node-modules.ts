import { createRequire } from 'node:module';

/**
 * Node's own modules for TLS, for code that every thread has and few use. A thread loads them when it first needs them: they
 * take 14 ms of CPU time, a quarter of its start.
 */
const require = createRequire(import.meta.url);

export const nodeTls = (): typeof import('node:tls') => require('node:tls');

export const nodeCrypto = (): typeof import('node:crypto') => require('node:crypto');

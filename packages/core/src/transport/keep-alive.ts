import type { KeepAlive } from './byte-stream.js';

/** Of an incoming connection: a source whose machine is gone is noticed within 40 s. */
export const KEEP_ALIVE: KeepAlive = { enable: true, initialDelay: 10_000, interval: 5_000, count: 6 };

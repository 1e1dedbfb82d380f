import { receiving } from './receive.js';
import { QUALITY, sending } from './send.js';

/** @type {import('@multifd/core/codec').MultiFDMethods} */
const brotli = {
  specVersion: 1,
  name: 'brotli',
  // Two bits: no QEMU sends such a flag, and none takes it. Both ends must be a multifd that has this module.
  flag: 0x06,
  // What `--multifd-setting brotli-quality=5` may say.
  settings: [QUALITY],
  probe: () => ({ ok: true, detail: `brotli ${process.versions.brotli}, of Node` }),
  sendSetup: sending,
  recvSetup: receiving,
};

/** What `--multifd-compression` finds in this module. */
export const methods = [brotli];

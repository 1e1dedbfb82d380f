import { DirtyBitmap, type ReceiveResult } from '@multifd/core';

const PAGE = 4096;

export const BLOCKS = [
  { name: 'pc.ram', length: 4 * 2 ** 20 },
  { name: '/rom', length: 70 * PAGE },
];

/** What the engine hands over of a guest with one page in each block. */
export function received(): ReceiveResult {
  const receivedPages = BLOCKS.map(({ length }) => {
    const bitmap = DirtyBitmap.allocate(length / PAGE);
    new Int32Array(bitmap.buffer)[1] = 2;
    return bitmap.buffer;
  });
  return {
    status: 'completed',
    guest: 'source',
    machineType: 'pc-q35-10.0',
    configuration: {},
    ram: { pageSize: PAGE, blocks: [] },
    receivedPages,
    deviceState: [],
    rawDeviceState: { early: new Uint8Array(0), bytes: Uint8Array.of(0), vmdesc: undefined },
    tls: undefined,
    // Of no interest to a target.
    statistics: {
      totalTime: 0,
      total: 0,
      received: 0,
      multifdBytes: 0,
      normal: 0,
      normalBytes: 0,
      zeroPages: 0,
      zeroBytes: 0,
      untouchedPages: 0,
      pageSize: PAGE,
    },
  };
}

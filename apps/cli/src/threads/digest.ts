import { parentPort, workerData } from 'node:worker_threads';
import { type GuestRamDescriptor, openRamBlock } from '@multifd/core';
import { type BlockDigest, digestBlock } from '../verify/digest.js';

const ram: GuestRamDescriptor = workerData;
const digests: BlockDigest[] = ram.blocks.map((descriptor) => {
  const block = openRamBlock(descriptor);
  try {
    return digestBlock(block, ram.pageSize);
  } finally {
    block.close();
  }
});
parentPort?.postMessage(digests);

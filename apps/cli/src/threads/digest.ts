import { parentPort, workerData } from 'node:worker_threads';
import { type GuestRamDescriptor, MultifdError, openRamBlock } from '@multifd/core';
import { type DigestAnswer, digestBlock } from '../verify/digest.js';

function answer(ram: GuestRamDescriptor): DigestAnswer {
  try {
    const digests = ram.blocks.map((descriptor) => {
      const block = openRamBlock(descriptor);
      try {
        return digestBlock(block, ram.pageSize);
      } finally {
        block.close();
      }
    });
    return { digests };
  } catch (error) {
    return { error: MultifdError.from(error, 'internal', 'taking digests').toReport() };
  }
}

parentPort?.postMessage(answer(workerData));

import { parentPort, workerData } from 'node:worker_threads';
import { type GuestRamDescriptor, MultifdError, openRamBlock } from '@multifd/core/ram';
import { type BlockDigest, type DigestAnswer, digestBlock } from '../verify/digest.js';

async function answer(ram: GuestRamDescriptor): Promise<DigestAnswer> {
  try {
    const digests: BlockDigest[] = [];
    for (const descriptor of ram.blocks) {
      const block = await openRamBlock(descriptor);
      try {
        digests.push(digestBlock(block, ram.pageSize));
      } finally {
        block.close();
      }
    }
    return { digests };
  } catch (error) {
    return { error: MultifdError.from(error, 'internal', 'taking digests').toReport() };
  }
}

parentPort?.postMessage(await answer(workerData));

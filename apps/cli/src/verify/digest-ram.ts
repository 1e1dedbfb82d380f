import { once } from 'node:events';
import { type GuestRamDescriptor, MultifdError } from '@multifd/core';
import { cancelled } from '../interrupt.js';
import { startThread } from '../threads.js';
import type { BlockDigest, DigestAnswer } from './digest.js';

/**
 * Digests of all blocks, in their order, taken in a thread of its own. Nobody may write to the RAM meanwhile.
 * @throws MultifdError `io` if an image cannot be read; `cancelled`.
 */
export async function digestRam(
  ram: GuestRamDescriptor,
  signal: AbortSignal,
): Promise<readonly BlockDigest[]> {
  if (signal.aborted) throw cancelled();
  const worker = startThread('digest', { pageSize: ram.pageSize, blocks: ram.blocks });
  try {
    const [answer]: readonly DigestAnswer[] = await once(worker, 'message', { signal });
    if (answer === undefined) throw new MultifdError('internal', 'the digest thread said nothing');
    if ('error' in answer) throw MultifdError.fromReport(answer.error);
    return answer.digests;
  } catch (error) {
    throw signal.aborted ? cancelled() : error;
  } finally {
    await worker.terminate();
  }
}

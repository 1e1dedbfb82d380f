import type { AcceleratorReference } from '@multifd/core';
import { fixture } from './fixtures.js';

/** An accelerator that takes three batches of 4096 pages at a time. */
export function gathering(name: 'gathers' | 'is-lost' | 'shares' | 'cannot-share'): AcceleratorReference {
  return { module: fixture('gathering-accelerators.mjs'), name };
}

export interface Seen {
  /** Pages of each batch. */
  sizes: number[];
  mostAtWork: number;
  shares: number;
  lines: number;
  closes: number;
}

/** What its accelerators have been asked in this thread. */
export async function seenHere(): Promise<Seen> {
  return (await import(fixture('gathering-accelerators.mjs'))).seen;
}

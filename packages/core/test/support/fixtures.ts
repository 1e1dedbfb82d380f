import type { AcceleratorReference } from '@multifd/core';

/** URL of a plain module under test/fixtures, good for any thread and process. */
export function fixture(name: string): string {
  return new URL(`../fixtures/${name}`, import.meta.url).href;
}

/** The exact check, without tricks. */
export const PLAIN: AcceleratorReference = { module: fixture('accelerators.mjs'), name: 'plain' };

/** An accelerator that misbehaves in the way its name says. */
export function broken(name: string): AcceleratorReference {
  return { module: fixture('broken-accelerators.mjs'), name };
}

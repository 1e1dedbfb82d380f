import { MultifdError } from '@multifd/core';
import type { BlockDigest } from './digest.js';

/** What was compared, and how. */
export interface Verification {
  readonly algorithm: 'sha256';
  readonly blocks: number;
  /** Bytes of all blocks, zero pages included. */
  readonly bytes: number;
  /** What differs, one line for each block; empty if the memory is the same. */
  readonly differences: readonly string[];
}

/** Compares what both sides have, block by block, in any order. */
export function compareDigests(
  source: readonly BlockDigest[],
  destination: readonly BlockDigest[],
): Verification {
  const theirs = new Map(destination.map((digest) => [digest.name, digest]));
  const ours = new Set(source.map((digest) => digest.name));
  const differences = source.flatMap((digest) => difference(digest, theirs.get(digest.name)));
  const surplus = destination.filter((digest) => !ours.has(digest.name));
  return {
    algorithm: 'sha256',
    blocks: source.length,
    bytes: source.reduce((sum, digest) => sum + digest.length, 0),
    differences: [
      ...differences,
      ...surplus.map(({ name }) => `RAM block ${name} is at the destination only`),
    ],
  };
}

function difference(source: BlockDigest, destination: BlockDigest | undefined): string[] {
  const block = `RAM block ${source.name}`;
  if (destination === undefined) return [`${block} is missing at the destination`];
  if (destination.length !== source.length) {
    return [`${block} has ${source.length} bytes here and ${destination.length} at the destination`];
  }
  return destination.sha256 === source.sha256 ? [] : [`${block} differs`];
}

/**
 * The MultifdError `protocol` that names the first block that differs; undefined if none does.
 * @param foreign accelerator or codec that does not come with the command: the likeliest cause.
 */
export function differenceError(verification: Verification, foreign?: string): MultifdError | undefined {
  const [first] = verification.differences;
  if (first === undefined) return undefined;
  const more = verification.differences.length - 1;
  return new MultifdError('protocol', `not verified: ${first}${more > 0 ? ` (and ${more} more)` : ''}`, {
    hint: `do not run the guest at the destination: its memory is not what was sent; an image or file that it was sent from is unchanged, and can be sent again; ${foreign === undefined ? 'please report this with the command that you ran' : `test ${foreign} with @multifd/conformance`}`,
  });
}

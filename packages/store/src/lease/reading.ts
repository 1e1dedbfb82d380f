import { MultifdError } from '@multifd/core/ram';
import { codeOf } from '../objects/disk-error.js';
import type { ObjectStore } from '../objects/object-store.js';
import { Lease } from './lease.js';

/** A store that is read. */
export interface Reading {
  /** For the user, if no gc knows of the reader. */
  readonly note: string | undefined;
  /** @throws MultifdError `io` if a gc may have removed what was read: see `Lease.check`. */
  check(): Promise<void>;
  release(): Promise<void>;
}

/**
 * Takes a lease, as `Lease.use`; where this user cannot write, the store is read without one. No gc waits for the reader then.
 * That loses nothing: what is read is checked against its hash, and what a gc has removed is missed.
 * @param purpose what is done, for the messages of others.
 * @throws MultifdError as `Lease.use`.
 */
export async function startReading(
  objects: ObjectStore,
  purpose: string,
  signal?: AbortSignal,
): Promise<Reading> {
  try {
    const lease = await Lease.use(objects, purpose, signal);
    return { note: undefined, check: () => lease.check(), release: () => lease.release() };
  } catch (error) {
    if (!mayNotWrite(error)) throw error;
    const note = `${objects.what} cannot be written to: no gc waits until it has been read`;
    return { note, check: async () => {}, release: async () => {} };
  }
}

/** Nothing can be written; what is there can be read. A guest must come out of a full disk, too. */
const REFUSALS: ReadonlySet<string> = new Set(['EROFS', 'EACCES', 'EPERM', 'ENOSPC', 'EDQUOT']);

/** Whether an object store has refused to store anything for this user. */
function mayNotWrite(error: unknown): boolean {
  if (!MultifdError.is(error)) return false;
  const { cause } = error;
  if (REFUSALS.has(codeOf(cause) ?? '')) return true;
  // Of S3.
  return cause instanceof Error && 'status' in cause && cause.status === 403;
}

import { isRecord } from '../format/head.js';
import { hasEnded, isOwner, type Owner } from './owner.js';

/** `use`: reads or writes snapshots. `gc`: removes packs, and must be alone. */
export type LeaseKind = 'use' | 'gc';

/** What a lease's object says. */
export interface LeaseRecord {
  readonly kind: LeaseKind;
  /** For messages: what its owner does. */
  readonly purpose: string;
  readonly owner: Owner;
  /** ms since 1970, by its owner's clock: it is renewed long before. */
  readonly expires: number;
}

/** ms since 1970: the last moment that a `Date` can be. */
const LAST_MOMENT = 8.64e15;

/** Longest object, in bytes. */
export const LONGEST_LEASE = 4096;

export function formatLease(record: LeaseRecord): Uint8Array {
  return Buffer.from(`${JSON.stringify(record)}\n`);
}

/** @returns undefined for what `formatLease` does not write. */
export function parseLease(bytes: Uint8Array): LeaseRecord | undefined {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes).toString());
  } catch {
    return undefined;
  }
  if (!isRecord(value)) return undefined;
  const { kind, purpose, owner, expires } = value;
  const isWhole =
    (kind === 'use' || kind === 'gc') &&
    typeof purpose === 'string' &&
    isOwner(owner) &&
    typeof expires === 'number' &&
    Math.abs(expires) <= LAST_MOMENT;
  return isWhole ? { kind, purpose, owner, expires } : undefined;
}

/**
 * Whether nobody holds it any more. A gc that has stopped for a while may go on and remove packs: only one whose process is
 * known to have ended is over.
 */
export function isOver({ kind, owner, expires }: LeaseRecord, now: number): boolean {
  return hasEnded(owner) ?? (kind === 'use' && expires < now);
}

export function describeLease({ purpose, owner, expires }: LeaseRecord): string {
  return `${purpose}, process ${owner.pid} on ${owner.host} (until ${new Date(expires).toISOString()})`;
}

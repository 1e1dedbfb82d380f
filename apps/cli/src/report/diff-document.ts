import type { DevicesDiff } from '../diff/compare-devices.js';
import type { GuestDiff } from '../diff/diff-run.js';
import { type FailureMembers, failureMembers } from './errors.js';
import { SCHEMA_VERSION } from './migrate-document.js';

/** What `multifd inspect --diff A B --json` prints. Sizes and offsets in bytes. */
export interface DiffDocument extends Partial<Omit<FailureMembers, 'status'>> {
  readonly 'schema-version': typeof SCHEMA_VERSION;
  readonly command: 'inspect';
  readonly status: 'completed' | FailureMembers['status'];
  /** The two, as they were named. */
  readonly diff: readonly [string, string];
  /** All that follows is absent if they could not be compared. */
  readonly identical?: boolean;
  readonly 'machine-types'?: readonly [string, string];
  readonly 'page-size'?: number;
  readonly blocks?: readonly BlockDiffMember[];
  /** Names of RAM blocks that only the first, and only the second has. */
  readonly 'only-in'?: readonly [readonly string[], readonly string[]];
  /** Null: the devices of one of the two are not known. */
  readonly devices?: object | null;
}

export interface BlockDiffMember {
  readonly name: string;
  /** In each of the two. */
  readonly lengths: readonly [number, number];
  /** Pages that both have. */
  readonly pages: number;
  readonly 'changed-pages': number;
  /** Of those: were zero, and are zero. */
  readonly 'filled-pages': number;
  readonly 'cleared-pages': number;
  /** Bytes [start, end) of pages that changed, ascending: the first 100000. */
  readonly ranges: readonly (readonly [number, number])[];
  /** Ranges that are not listed. */
  readonly 'more-ranges': number;
}

export function diffDocument(
  names: readonly [string, string],
  diff: GuestDiff | undefined,
  error?: unknown,
): DiffDocument {
  return {
    'schema-version': SCHEMA_VERSION,
    command: 'inspect',
    ...(error === undefined ? { status: 'completed' as const } : failureMembers(error)),
    diff: names,
    ...(diff === undefined ? {} : members(diff)),
  };
}

/** Whether nothing is known to differ. */
export function isIdentical({ blocks, onlyBefore, onlyNow, machineTypes, devices }: GuestDiff): boolean {
  const others = devices === undefined ? [] : [...devices.changed, ...devices.onlyBefore, ...devices.onlyNow];
  return (
    machineTypes[0] === machineTypes[1] &&
    [...onlyBefore, ...onlyNow, ...others].length === 0 &&
    blocks.every(({ changed, lengths }) => changed === 0 && lengths[0] === lengths[1])
  );
}

function members(diff: GuestDiff) {
  const { machineTypes, pageSize, blocks, onlyBefore, onlyNow, devices } = diff;
  return {
    identical: isIdentical(diff),
    'machine-types': machineTypes,
    'page-size': pageSize,
    blocks: blocks.map(({ name, lengths, pages, changed, filled, cleared, ranges, more }) => ({
      name,
      lengths,
      pages,
      'changed-pages': changed,
      'filled-pages': filled,
      'cleared-pages': cleared,
      ranges,
      'more-ranges': more,
    })),
    'only-in': [onlyBefore, onlyNow] as const,
    devices: devices === undefined ? null : devicesMember(devices),
  };
}

function devicesMember({ changed, compared, onlyBefore, onlyNow }: DevicesDiff) {
  return {
    compared,
    changed: changed.map(({ name, instanceId, fields }) => ({
      name,
      'instance-id': instanceId,
      // A field that one of the two does not have is null there.
      fields: fields.map(({ field, before, now }) => ({ field, before: before ?? null, now: now ?? null })),
    })),
    'only-in': [onlyBefore, onlyNow],
  };
}

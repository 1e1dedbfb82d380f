import { type HostBlockDescriptor, MultifdError } from '@multifd/core/host';
import { mappingOf } from '../handle.js';
import { requireBinding } from '../load.js';
import { attempt } from '../native-error.js';
import { LinuxTracker } from './native-tracker.js';
import type { TrackerKind, Writers, WriteTracker } from './tracker.js';

export interface TrackerOptions {
  /** What `mapRam` has mapped. Together they are one guest. */
  readonly blocks: readonly HostBlockDescriptor[];
  /** Bytes of a page of the guest, a power of two, 4096 at least. */
  readonly pageSize: number;
  /** Default: threads of this process, which cannot be paused. */
  readonly writers?: Writers;
  /** Default `auto`: the first that can be used. */
  readonly kind?: 'auto' | TrackerKind;
}

/** A kind that was asked about and cannot be used here. */
export interface RefusedTracker {
  readonly kind: TrackerKind;
  readonly reason: string;
}

export interface TrackerChoice {
  readonly tracker: WriteTracker;
  /** Those that would have been better, in the order they were tried. */
  readonly refused: readonly RefusedTracker[];
}

/** The best first. */
const KINDS: readonly TrackerKind[] = ['uffd', 'soft-dirty', 'soft-dirty-process', 'digest'];

/**
 * Begins to track writes with the best kind that works for these blocks and writers, or with the one asked for.
 * @throws MultifdError `io` if a kind that was asked for by name cannot be used, with the reason, or the package cannot
 *   be used here; `usage` for blocks of another package.
 */
export function chooseTracker(options: TrackerOptions): TrackerChoice {
  const { kind = 'auto' } = options;
  requireBinding();
  const refused: RefusedTracker[] = [];
  for (const each of kind === 'auto' ? KINDS : [kind]) {
    const obstacle = unfit(each, options.writers);
    if (obstacle !== undefined) {
      refused.push({ kind: each, reason: obstacle });
      continue;
    }
    try {
      return { tracker: begin(each, options), refused };
    } catch (error) {
      if (!MultifdError.is(error) || error.code === 'usage') throw error;
      const hint = error.hint === undefined ? '' : ` (${error.hint})`;
      refused.push({ kind: each, reason: `${error.message}${hint}` });
    }
  }
  const reasons = refused.map((each) => `${each.kind}: ${each.reason}`).join('; ');
  throw new MultifdError('io', `writes cannot be tracked: ${reasons}`, {
    hint: kind === 'auto' ? 'pause the guest before the migration' : 'use auto',
  });
}

/** Why a kind is not for such writers; undefined if it is. */
function unfit(kind: TrackerKind, writers: Writers = { in: 'this-process' }): string | undefined {
  const other = writers.in === 'other-process';
  switch (kind) {
    case 'uffd':
      return other ? 'it sees writes of this process only' : undefined;
    case 'soft-dirty':
      if (other) return 'it sees writes of this process only';
      return writers.pause === undefined || writers.resume === undefined
        ? 'writers have to be paused while it looks, and there is no way to (pause, resume)'
        : undefined;
    case 'soft-dirty-process':
      if (!other) return 'it sees writes of another process only';
      return writers.addresses === undefined
        ? 'where the process has the memory is not known (addresses)'
        : undefined;
    case 'digest':
      return undefined;
  }
}

function begin(kind: TrackerKind, { blocks, pageSize, writers }: TrackerOptions): WriteTracker {
  const { NativeTracker } = requireBinding();
  if (!Number.isInteger(Math.log2(pageSize)) || pageSize < 4096) {
    throw new MultifdError('usage', `a page size of ${pageSize} is not a power of two from 4096`);
  }
  const plan = { kind, mappings: blocks.map(mappingOf), pageSize };
  if (writers?.in === 'other-process' && kind === 'soft-dirty-process') {
    const { process, addresses = [] } = writers;
    const native = attempt(() => new NativeTracker({ ...plan, process, addresses }));
    return new LinuxTracker(kind, blocks, native, pageSize);
  }
  const native = attempt(() => new NativeTracker(plan));
  const quiet = kind === 'soft-dirty' && writers?.in === 'this-process' ? writers : {};
  return new LinuxTracker(kind, blocks, native, pageSize, quiet);
}

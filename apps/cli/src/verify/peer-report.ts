import { MultifdError } from '@multifd/core';
import { isRecord } from '../guards.js';
import type { BlockDigest } from './digest.js';

/** What a `multifd receive` tells its source after completion. */
export interface PeerReport {
  /** ms of CPU that the destination used for the migration. */
  readonly cpuTime: number;
  /** Bytes. */
  readonly peakRss: number;
  /** In the same time as `cpuTime`; undefined: not told. */
  readonly pageFaults?: number | undefined;
  /** Bytes that the operating system holds for the guest's memory; undefined if it cannot be asked. */
  readonly allocated?: number | undefined;
  /** Bytes of it in huge pages; undefined if it cannot be asked. */
  readonly huge?: number | undefined;
  /** Undefined if the destination was not to take digests. */
  readonly blocks: readonly BlockDigest[] | undefined;
}

const FORMAT = 1;
/** The engine's limit for a report. */
const MOST_BYTES = 65_535;

/** As JSON, in UTF-8. Digests that do not fit are left out, which a source that verifies then reports. */
export function encodePeerReport(report: PeerReport): Uint8Array {
  const head = {
    format: FORMAT,
    'cpu-time': report.cpuTime,
    'peak-rss': report.peakRss,
    // Left out by JSON if they are undefined.
    'page-faults': report.pageFaults,
    allocated: report.allocated,
    'huge-pages': report.huge,
  };
  const whole = Buffer.from(
    JSON.stringify(report.blocks === undefined ? head : { ...head, blocks: report.blocks }),
  );
  return whole.length <= MOST_BYTES ? whole : Buffer.from(JSON.stringify(head));
}

/** Characters of what a destination says went wrong, at most. */
const LONGEST_WORD = 1200;

/**
 * @throws MultifdError `protocol` for anything that `encodePeerReport` does not give, such as the word of an engine
 * whose report callback failed.
 */
export function decodePeerReport(bytes: Uint8Array): PeerReport {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    throw notUnderstood('it is not JSON');
  }
  if (isRecord(value) && typeof value.error === 'string') {
    throw new MultifdError(
      'protocol',
      `the destination could not report: ${value.error.slice(0, LONGEST_WORD)}`,
    );
  }
  if (!isRecord(value) || value.format !== FORMAT) throw notUnderstood(`its format is not ${FORMAT}`);
  const { 'cpu-time': cpuTime, 'peak-rss': peakRss, allocated, 'huge-pages': huge, blocks } = value;
  const { 'page-faults': pageFaults } = value;
  if (typeof cpuTime !== 'number' || typeof peakRss !== 'number')
    throw notUnderstood('cpu-time or peak-rss is missing');
  if (pageFaults !== undefined && typeof pageFaults !== 'number')
    throw notUnderstood('page-faults is no number');
  if (allocated !== undefined && typeof allocated !== 'number') throw notUnderstood('allocated is no number');
  if (huge !== undefined && typeof huge !== 'number') throw notUnderstood('huge-pages is no number');
  if (blocks === undefined) return { cpuTime, peakRss, pageFaults, allocated, huge, blocks };
  if (!Array.isArray(blocks) || !blocks.every(isDigest))
    throw notUnderstood('its digests are not understood');
  return { cpuTime, peakRss, pageFaults, allocated, huge, blocks };
}

function isDigest(value: unknown): value is BlockDigest {
  return (
    isRecord(value) &&
    typeof value.name === 'string' &&
    typeof value.length === 'number' &&
    typeof value.sha256 === 'string'
  );
}

function notUnderstood(why: string): MultifdError {
  return new MultifdError('protocol', `the destination's report is not understood: ${why}`, {
    hint: 'is the destination a multifd of the same version? --no-verify needs no report',
  });
}

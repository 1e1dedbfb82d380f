import type { DestinationStatistics, GuestPlace, IncomingBlock, TlsPeer } from '@multifd/core';
import type { VmcoreSummary } from '@multifd/qemu';
import type { GuestReport } from '../guest/prepared-guest.js';
import { type CodecFacts, type CompressionMember, compressionMember } from './compression-member.js';
import { type DumpMember, dumpMember } from './convert-document.js';
import { type FailureMembers, failureMembers, guestAt } from './errors.js';
import { SCHEMA_VERSION } from './migrate-document.js';
import { type Refusals, type RefusedMember, refusedMember } from './refusals.js';
import { notesMember } from './terminal.js';
import { type TlsMember, tlsMember } from './tls-member.js';

/** What `multifd receive --json` prints. Times in ms, sizes in bytes. */
export interface ReceiveDocument extends Partial<Omit<FailureMembers, 'status'>> {
  readonly 'schema-version': typeof SCHEMA_VERSION;
  readonly command: 'receive';
  readonly status: 'completed' | FailureMembers['status'];
  /** Where it listened: with the port that it really had, if it came to listening. */
  readonly listen: string | null;
  /** `memory`, `raw:DIR`, `file:FILE`, `core:FILE` or `store:DIR#NAME`. */
  readonly target: string | null;
  /** Absent if no migration began. */
  readonly 'total-time'?: number;
  readonly ram?: ReceivedRamMember;
  readonly blocks?: readonly IncomingBlock[];
  readonly 'machine-type'?: string;
  /** Names of the devices whose state came. Null: state came, but the stream does not describe it. */
  readonly devices?: readonly string[] | null;
  /** For a target on disk and a guest with device state: whether it was stored. RAM alone cannot be resumed. */
  readonly 'device-state'?: 'kept' | 'dropped';
  readonly channels?: number;
  readonly 'multifd-compression'?: string;
  readonly compression?: CompressionMember;
  /** Absent without TLS, or if no guest came. */
  readonly tls?: TlsMember;
  readonly 'cpu-time': { readonly destination: number | null };
  readonly 'peak-rss': { readonly destination: number | null };
  /** In the same time as `cpu-time`. */
  readonly 'page-faults': { readonly destination: number | null };
  /** Where the guest's memory lives. Absent if it is in files, or none was made. */
  readonly memory?: MemoryMember;
  /**
   * The files that were written: the images of a raw: target, the one of a file: or core: target, or the snapshot of a store: target.
   * After a failure: what stays of
   * a guest whose source did not wait for an answer.
   */
  readonly images?: readonly string[];
  /** What is in the file of a core: target. */
  readonly dump?: DumpMember;
  /** The last connections that were turned away, oldest first; absent if none was. */
  readonly refused?: readonly RefusedMember[];
  /** Who has the guest now; `either`: see `hint`. Null: none has come. */
  readonly 'guest-at': GuestPlace | null;
  /** As of `MigrateDocument`. */
  readonly notes?: readonly string[];
  readonly guest?: GuestReport;
}

export interface MemoryMember {
  readonly backing: string;
  /** Bytes that the operating system holds for it after the migration. Null: not known. */
  readonly allocated: number | null;
  /** Bytes of it in huge pages. Null: not known. */
  readonly 'huge-pages': number | null;
}

export interface ReceivedRamMember {
  readonly total: number;
  readonly received: number;
  readonly 'multifd-bytes': number;
  readonly normal: number;
  readonly 'normal-bytes': number;
  readonly duplicate: number;
  readonly 'zero-pages': number;
  readonly 'zero-bytes': number;
  /** First-time zero pages, which were not touched. */
  readonly 'untouched-pages': number;
  readonly 'page-size': number;
}

/** What is known of an incoming migration so far. */
export interface ReceiveFacts {
  readonly refusals?: Refusals;
  readonly notes?: string[];
  listen: string | null;
  readonly target: string | null;
  channels?: number;
  codec?: CodecFacts;
  statistics?: DestinationStatistics;
  blocks?: readonly IncomingBlock[];
  machineType?: string;
  devices?: readonly string[] | null;
  deviceState?: 'kept' | 'dropped';
  completed?: boolean;
  images?: readonly string[];
  dump?: VmcoreSummary;
  guest?: GuestReport;
  cpuTime?: number;
  peakRss?: number;
  pageFaults?: number;
  memory?: MemoryMember;
  tls?: TlsPeer | undefined;
}

export function receiveDocument(facts: ReceiveFacts, error?: unknown): ReceiveDocument {
  const failure = error === undefined ? undefined : failureMembers(error);
  const { statistics, blocks, machineType, devices, deviceState, channels, codec, images, guest, memory } =
    facts;
  const completed = facts.completed === true;
  return {
    'schema-version': SCHEMA_VERSION,
    command: 'receive',
    ...(failure ?? {}),
    status: completed ? 'completed' : (failure?.status ?? 'failed'),
    listen: facts.listen,
    target: facts.target,
    ...(statistics === undefined
      ? {}
      : { 'total-time': Math.round(statistics.totalTime), ram: receivedRam(statistics) }),
    ...(blocks === undefined ? {} : { blocks }),
    ...(machineType === undefined ? {} : { 'machine-type': machineType }),
    ...(devices === undefined ? {} : { devices }),
    ...(deviceState === undefined ? {} : { 'device-state': deviceState }),
    ...(channels === undefined ? {} : { channels }),
    ...(codec === undefined
      ? {}
      : { 'multifd-compression': codec.name, compression: compressionMember(codec) }),
    ...tlsMember(facts.tls),
    'cpu-time': { destination: facts.cpuTime === undefined ? null : Math.round(facts.cpuTime) },
    'peak-rss': { destination: facts.peakRss ?? null },
    'page-faults': { destination: facts.pageFaults ?? null },
    ...(memory === undefined ? {} : { memory }),
    ...(images === undefined ? {} : { images }),
    ...(facts.dump === undefined ? {} : { dump: dumpMember(facts.dump) }),
    ...refusedMember(facts.refusals),
    'guest-at': guestAt(completed, error) ?? null,
    ...notesMember(facts.notes ?? []),
    ...(guest === undefined ? {} : { guest }),
  };
}

/** Member `ram`. */
export function receivedRam(statistics: DestinationStatistics): ReceivedRamMember {
  return {
    total: statistics.total,
    received: statistics.received,
    'multifd-bytes': statistics.multifdBytes,
    normal: statistics.normal,
    'normal-bytes': statistics.normalBytes,
    duplicate: statistics.zeroPages,
    'zero-pages': statistics.zeroPages,
    'zero-bytes': statistics.zeroBytes,
    'untouched-pages': statistics.untouchedPages,
    'page-size': statistics.pageSize,
  };
}

import type {
  AcceleratorChoice,
  AcceleratorReplacement,
  DowntimeParts,
  GuestPlace,
  MigrationParameters,
  SourceStatistics,
  TlsPeer,
} from '@multifd/core';
import { type RamAnswer, ramAnswer } from '@multifd/qemu';
import type { GuestReport } from '../guest/prepared-guest.js';
import type { HostChoice } from '../host/choose-host.js';
import type { Backing } from '../options/backing.js';
import type { Verification } from '../verify/compare.js';
import { type CodecFacts, type CompressionMember, compressionMember } from './compression-member.js';
import { type FailureMembers, failureMembers, guestAt } from './errors.js';
import { type OffloadMember, offloadMember } from './offload-member.js';
import { notesMember } from './terminal.js';
import { type TlsMember, tlsMember } from './tls-member.js';

/** Grows when a member changes its meaning or goes away; new members do not count. */
export const SCHEMA_VERSION = 1;

/** What `multifd migrate --json` prints, shaped like the answer of QMP's query-migrate. Times in ms, sizes in bytes. */
export interface MigrateDocument extends Partial<Omit<FailureMembers, 'status'>> {
  readonly 'schema-version': typeof SCHEMA_VERSION;
  readonly command: 'migrate';
  readonly status: 'completed' | FailureMembers['status'];
  /** As it was asked for; null if the command line was not understood. */
  readonly source: string | null;
  readonly destination: string | null;
  /** Absent if it did not come to a migration. */
  readonly 'total-time'?: number;
  readonly 'setup-time'?: number;
  /** Null unless completed. */
  readonly downtime?: number | null;
  /** What it consists of. Null unless completed. */
  readonly 'downtime-parts'?: DowntimeMember | null;
  /** Percent of the time that `--auto-converge` held the guest's processors in the end; absent if it did not. */
  readonly 'cpu-throttle-percentage'?: number;
  readonly ram?: RamMember;
  /** Absent if the choice was not made. */
  readonly accelerator?: AcceleratorMember;
  /** What the operating system gave beyond Node. Absent if the choice was not made. */
  readonly host?: HostMember;
  readonly channels?: number;
  readonly 'zero-page-detection'?: string;
  readonly 'multifd-flush-after-each-section'?: boolean;
  readonly 'multifd-compression'?: string;
  readonly wire?: MigrationParameters['wire'];
  /** Absent if the choice was not made. */
  readonly compression?: CompressionMember;
  /** Absent without TLS, or if it did not come to a connection. */
  readonly tls?: TlsMember;
  /** CPU time of the migration, without the demo guest's own. Null: not known. */
  readonly 'cpu-time': BothEnds;
  /** Most resident memory, guest included. Null: not known. */
  readonly 'peak-rss': BothEnds;
  /** In the same time as `cpu-time`, those that needed no disk too. */
  readonly 'page-faults': BothEnds;
  /** Bytes that the operating systems hold for guest memory after the migration. Null: not known. */
  readonly allocated: BothEnds;
  /** Bytes of it in huge pages. Null: not known. */
  readonly 'huge-pages': BothEnds;
  /** Whether comparing memory was asked for, or is the default of such a migration; null: it did not come to that. */
  readonly verify: boolean | null;
  /** Whether both ends' memory is the same; null if it was not compared. */
  readonly verified: boolean | null;
  readonly verification: VerificationMember | null;
  /** Who has the guest now; `either`: both may have it, see `hint`. */
  readonly 'guest-at': GuestPlace;
  /** What was said on stderr on the way, the first 100 lines; absent if nothing was. */
  readonly notes?: readonly string[];
  readonly guest?: GuestReport;
}

/** See `DowntimeParts`; ms. */
export interface DowntimeMember {
  readonly stop: number;
  readonly 'last-round': number;
  readonly 'device-state': number;
  readonly commit: number;
}

export interface RamMember extends RamAnswer {
  readonly 'channel-bytes': readonly number[];
}

export interface AcceleratorMember {
  /** Null if nobody looked for zero pages. */
  readonly name: string | null;
  /** `auto`, a name, or a module. */
  readonly requested: string;
  readonly detail: string;
  /** What its device has done, in all channels; absent for one that does not count. */
  readonly offload?: OffloadMember;
  readonly refused: readonly { readonly name: string; readonly reason: string; readonly fix: string }[];
  /** What `auto` measured before it chose, fastest first; bytes a second. */
  readonly measured?: readonly { readonly name: string; readonly 'bytes-per-second': number }[];
  /** Who failed in the middle, why, and who went on; absent if none did. `name` is who was chosen. */
  readonly replaced?: readonly { readonly name: string; readonly reason: string; readonly by: string }[];
}

export interface HostMember {
  /** Null: Node alone. */
  readonly name: string | null;
  readonly requested: string;
  readonly refused?: { readonly reason: string; readonly fix: string };
  /** Where the source's guest memory lives, if it was made here. */
  readonly backing?: string;
}

export interface BothEnds {
  readonly source: number | null;
  readonly destination: number | null;
}

export interface VerificationMember {
  readonly algorithm: string;
  readonly blocks: number;
  readonly bytes: number;
}

/** What is known of a migration so far: it is filled as the command goes on, and told however that ends. */
export interface MigrateFacts {
  readonly source: string | null;
  readonly destination: string | null;
  parameters?: MigrationParameters;
  choice?: AcceleratorChoice;
  codec?: CodecFacts;
  readonly replaced: AcceleratorReplacement[];
  readonly notes: string[];
  statistics?: SourceStatistics;
  completed?: boolean;
  guest?: GuestReport;
  cpuTime: { source: number | null; destination: number | null };
  peakRss: { source: number | null; destination: number | null };
  pageFaults: { source: number | null; destination: number | null };
  allocated: { source: number | null; destination: number | null };
  huge: { source: number | null; destination: number | null };
  host?: HostChoice;
  backing?: Backing | undefined;
  /** Memory is to be compared. */
  verify?: boolean;
  verification?: Verification;
  tls?: TlsPeer | undefined;
  /** The hint for a failure, if the options contradict the machine type. */
  contradiction?: string | undefined;
}

export function newFacts(source: string | null, destination: string | null): MigrateFacts {
  const unknown = { source: null, destination: null };
  return {
    source,
    destination,
    replaced: [],
    notes: [],
    cpuTime: { ...unknown },
    peakRss: { ...unknown },
    pageFaults: { ...unknown },
    allocated: { ...unknown },
    huge: { ...unknown },
  };
}

/** @param error what ended it; a migration that completed and then did not verify stays `completed`. */
export function migrateDocument(facts: MigrateFacts, error?: unknown): MigrateDocument {
  const failure = error === undefined ? undefined : failureMembers(error);
  const completed = facts.completed === true;
  return {
    'schema-version': SCHEMA_VERSION,
    command: 'migrate',
    ...(failure ?? {}),
    status: completed ? 'completed' : (failure?.status ?? 'failed'),
    source: facts.source,
    destination: facts.destination,
    ...statisticsMembers(facts.statistics),
    ...acceleratorMembers(facts),
    ...hostMembers(facts),
    ...parameterMembers(facts.parameters),
    ...(facts.codec === undefined ? {} : { compression: compressionMember(facts.codec) }),
    ...tlsMember(facts.tls),
    'cpu-time': rounded(facts.cpuTime),
    'peak-rss': facts.peakRss,
    'page-faults': facts.pageFaults,
    allocated: facts.allocated,
    'huge-pages': facts.huge,
    verify: facts.verify ?? null,
    verified: facts.verification === undefined ? null : facts.verification.differences.length === 0,
    verification: facts.verification === undefined ? null : verificationMember(facts.verification),
    'guest-at': guestAt(completed, error) ?? 'source',
    ...notesMember(facts.notes),
    ...(facts.guest === undefined ? {} : { guest: facts.guest }),
  };
}

type Statistics = Pick<
  MigrateDocument,
  'total-time' | 'setup-time' | 'downtime' | 'downtime-parts' | 'cpu-throttle-percentage' | 'ram'
>;

function statisticsMembers(statistics: SourceStatistics | undefined): Statistics {
  if (statistics === undefined) return {};
  return {
    'total-time': Math.round(statistics.totalTime),
    'setup-time': Math.round(statistics.setupTime),
    downtime: statistics.downtime === undefined ? null : Math.round(statistics.downtime),
    'downtime-parts': downtimeMember(statistics.downtimeParts),
    ...(statistics.cpuThrottlePercentage === 0
      ? {}
      : { 'cpu-throttle-percentage': statistics.cpuThrottlePercentage }),
    ram: { ...ramAnswer(statistics), 'channel-bytes': statistics.channelBytes },
  };
}

function downtimeMember(parts: DowntimeParts | undefined): DowntimeMember | null {
  if (parts === undefined) return null;
  return {
    stop: Math.round(parts.stop),
    'last-round': Math.round(parts.lastRound),
    'device-state': Math.round(parts.deviceState),
    commit: Math.round(parts.commit),
  };
}

function acceleratorMembers({
  choice,
  parameters,
  replaced,
  statistics,
}: MigrateFacts): Pick<MigrateDocument, 'accelerator'> {
  if (choice === undefined) return {};
  const used = parameters?.zeroPageDetection !== 'none';
  return {
    accelerator: {
      name: used ? choice.accelerator.name : null,
      requested: choice.requested,
      detail: used ? choice.detail : 'zero-page-detection is none: every page is sent with its bytes',
      refused: choice.refused,
      ...offloadMember(statistics?.offload),
      ...(choice.measured === undefined ? {} : { measured: measuredMembers(choice.measured) }),
      ...(replaced.length === 0 ? {} : { replaced: replaced.map(replacedMember) }),
    },
  };
}

function hostMembers({ host, backing }: MigrateFacts): Pick<MigrateDocument, 'host'> {
  if (host === undefined) return {};
  const { name, requested, refused } = host;
  return {
    host: {
      name,
      requested,
      ...(refused === undefined ? {} : { refused }),
      ...(backing === undefined ? {} : { backing }),
    },
  };
}

function measuredMembers(measured: NonNullable<AcceleratorChoice['measured']>) {
  return measured.map(({ name, bytesPerSecond }) => ({ name, 'bytes-per-second': bytesPerSecond }));
}

function replacedMember({ failed, reason, by }: AcceleratorReplacement) {
  return { name: failed, reason, by: by.name };
}

type Parameters = Pick<
  MigrateDocument,
  'channels' | 'zero-page-detection' | 'multifd-flush-after-each-section' | 'multifd-compression' | 'wire'
>;

function parameterMembers(parameters: MigrationParameters | undefined): Parameters {
  if (parameters === undefined) return {};
  return {
    channels: parameters.multifdChannels,
    'zero-page-detection': parameters.zeroPageDetection,
    'multifd-flush-after-each-section': parameters.multifdFlushAfterEachSection,
    'multifd-compression': parameters.multifdCompression,
    wire: parameters.wire,
  };
}

function verificationMember({ algorithm, blocks, bytes }: Verification): VerificationMember {
  return { algorithm, blocks, bytes };
}

function rounded({ source, destination }: BothEnds): BothEnds {
  const round = (value: number | null) => (value === null ? null : Math.round(value));
  return { source: round(source), destination: round(destination) };
}

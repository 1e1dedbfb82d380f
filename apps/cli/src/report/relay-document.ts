import type { AcceleratorChoice, GuestPlace, GuestWord, RelayResult } from '@multifd/core';
import { type CodecFacts, type CompressionMember, compressionMember } from './compression-member.js';
import { type FailureMembers, failureMembers, guestAt } from './errors.js';
import { SCHEMA_VERSION } from './migrate-document.js';
import { type OffloadMember, offloadMember } from './offload-member.js';
import { type Refusals, type RefusedMember, refusedMember } from './refusals.js';
import { notesMember } from './terminal.js';
import { type TlsMember, tlsMember } from './tls-member.js';

/** What `multifd relay --json` prints. Times in ms, sizes in bytes. */
export interface RelayDocument extends Partial<Omit<FailureMembers, 'status'>> {
  readonly 'schema-version': typeof SCHEMA_VERSION;
  readonly command: 'relay';
  readonly status: 'completed' | FailureMembers['status'];
  /** With the port that it really had, if it came to listening. */
  readonly listen: string | null;
  readonly destination: string | null;
  /** Absent if no guest came through. */
  readonly 'total-time'?: number;
  readonly 'machine-type'?: string;
  readonly incoming?: RelaySide;
  readonly outgoing?: RelaySide;
  /** To the destination. */
  readonly 'zero-page-detection'?: string;
  /** To the destination; absent if no guest came through. */
  readonly 'multifd-flush-after-each-section'?: boolean;
  readonly accelerator?: {
    readonly name: string;
    readonly requested: string;
    readonly detail: string;
    readonly offload?: OffloadMember;
  };
  /** The last connections that were turned away, oldest first; absent if none was. */
  readonly refused?: readonly RefusedMember[];
  /** Who has the guest now; `either`: both may have it, see `hint`. Null: none has come. */
  readonly 'guest-at': GuestPlace | null;
  /** As of `MigrateDocument`. */
  readonly notes?: readonly string[];
  readonly 'cpu-time'?: number;
  readonly 'peak-rss'?: number;
}

export interface RelaySide {
  readonly channels: number;
  readonly compression?: CompressionMember;
  /** Absent without TLS on this side. */
  readonly tls?: TlsMember;
  /** Bytes on all connections. */
  readonly transferred: number;
  readonly normal: number;
  readonly 'zero-pages': number;
  readonly 'page-size': number;
}

/** What is known of a relay so far. */
export interface RelayFacts {
  readonly refusals?: Refusals;
  readonly notes?: string[];
  listen: string | null;
  readonly destination: string | null;
  incomingChannels?: number;
  outgoingChannels?: number;
  incomingCodec?: CodecFacts;
  outgoingCodec?: CodecFacts;
  detection?: string;
  accelerator?: AcceleratorChoice;
  /** The source was told that its guest has left. */
  completed?: boolean;
  result?: RelayResult;
  /** Who has the guest now; set once it listens. */
  guest?: () => GuestWord | undefined;
  cpuTime?: number;
  peakRss?: number;
  /** The hint for a failure, if the options contradict the machine type. */
  contradiction?: string | undefined;
}

export function relayDocument(facts: RelayFacts, error?: unknown): RelayDocument {
  const failure = error === undefined ? undefined : failureMembers(error);
  const { result, accelerator, detection, cpuTime, peakRss } = facts;
  const completed = facts.completed === true;
  return {
    'schema-version': SCHEMA_VERSION,
    command: 'relay',
    ...(failure ?? {}),
    status: completed ? 'completed' : (failure?.status ?? 'failed'),
    listen: facts.listen,
    destination: facts.destination,
    ...(result === undefined ? {} : members(result, facts)),
    ...(detection === undefined ? {} : { 'zero-page-detection': detection }),
    ...(accelerator === undefined
      ? {}
      : {
          accelerator: {
            name: accelerator.accelerator.name,
            requested: accelerator.requested,
            detail: accelerator.detail,
            ...offloadMember(result?.outgoing.offload),
          },
        }),
    ...refusedMember(facts.refusals),
    'guest-at': guestAt(completed, error) ?? null,
    ...notesMember(facts.notes ?? []),
    ...(cpuTime === undefined ? {} : { 'cpu-time': Math.round(cpuTime) }),
    ...(peakRss === undefined ? {} : { 'peak-rss': peakRss }),
  };
}

function members(result: RelayResult, facts: RelayFacts) {
  const { machineType, incoming, outgoing, incomingTls, outgoingTls } = result;
  return {
    'total-time': Math.round(incoming.totalTime),
    'machine-type': machineType,
    'multifd-flush-after-each-section': outgoing.multifdFlushAfterEachSection,
    incoming: {
      channels: facts.incomingChannels ?? 0,
      ...compressionOf(facts.incomingCodec),
      ...tlsMember(incomingTls),
      transferred: incoming.received,
      normal: incoming.normal,
      'zero-pages': incoming.zeroPages,
      'page-size': incoming.pageSize,
    },
    outgoing: {
      channels: facts.outgoingChannels ?? 0,
      ...compressionOf(facts.outgoingCodec),
      ...tlsMember(outgoingTls),
      transferred: outgoing.transferred,
      normal: outgoing.normal,
      'zero-pages': outgoing.zeroPages,
      'page-size': outgoing.pageSize,
    },
  };
}

function compressionOf(codec: CodecFacts | undefined): Pick<RelaySide, 'compression'> {
  return codec === undefined ? {} : { compression: compressionMember(codec) };
}

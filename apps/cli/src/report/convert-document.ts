import type { VmcoreSummary } from '@multifd/qemu';
import { type FailureMembers, failureMembers } from './errors.js';
import { formatBytes, formatTime, plain } from './format.js';
import { SCHEMA_VERSION } from './migrate-document.js';

/** What is known of a conversion so far. */
export interface ConvertFacts {
  readonly source: string | null;
  readonly target: string | null;
  machineType?: string;
  totalTime?: number;
  file?: { readonly size: number; readonly allocated: number };
  summary?: VmcoreSummary | undefined;
}

/** What `multifd convert --json` prints. Times in ms, sizes, offsets and addresses in bytes. */
export interface ConvertDocument extends Partial<Omit<FailureMembers, 'status'>> {
  readonly 'schema-version': typeof SCHEMA_VERSION;
  readonly command: 'convert';
  readonly status: 'completed' | FailureMembers['status'];
  readonly source: string | null;
  readonly target: string | null;
  /** All that follows is absent if it is not known. */
  readonly 'machine-type'?: string;
  readonly 'total-time'?: number;
  /** Bytes of the file, and what it takes on the disk. */
  readonly size?: number;
  readonly allocated?: number;
  readonly dump?: DumpMember;
}

/** What is in a dump. */
export interface DumpMember {
  /** The PT_LOAD segments. */
  readonly segments: readonly {
    readonly address: number;
    readonly length: number;
    readonly offset: number;
    readonly block: string;
  }[];
  /** Number of those whose registers it has. */
  readonly processors: number;
  /** Whether it has the guest's VMCOREINFO. */
  readonly vmcoreinfo: boolean;
  /** RAM below 4 GiB, and how that is known: by the `machine`'s default, or its `cmos`. */
  readonly 'below-4g': number;
  readonly 'below-4g-from': 'machine' | 'cmos';
  /** RAM that is not in it. */
  readonly 'left-out': readonly { readonly name: string; readonly length: number }[];
}

export function convertDocument(facts: ConvertFacts, error?: unknown): ConvertDocument {
  const { source, target, machineType, totalTime, file, summary } = facts;
  return {
    'schema-version': SCHEMA_VERSION,
    command: 'convert',
    ...(error === undefined ? { status: 'completed' as const } : failureMembers(error)),
    source,
    target,
    ...(machineType === undefined ? {} : { 'machine-type': machineType }),
    ...(totalTime === undefined ? {} : { 'total-time': Math.round(totalTime) }),
    ...(file ?? {}),
    ...(summary === undefined ? {} : { dump: dumpMember(summary) }),
  };
}

export function dumpMember(summary: VmcoreSummary): DumpMember {
  const { segments, processors, vmcoreinfo, below4g, below4gFrom, leftOut } = summary;
  return {
    segments: segments.map(({ address, length, offset, block }) => ({ address, length, offset, block })),
    processors,
    vmcoreinfo,
    'below-4g': below4g,
    'below-4g-from': below4gFrom,
    'left-out': leftOut,
  };
}

/** For people. */
export function convertSummary({ target, totalTime, machineType, file, summary }: ConvertFacts): string {
  if (summary === undefined || file === undefined) return '';
  const { segments, processors, vmcoreinfo } = summary;
  const lines = [
    `${target ?? ''}: ${formatBytes(file.size)}, ${formatBytes(file.allocated)} of them on the disk, in ${formatTime(totalTime ?? 0)}`,
    `machine type ${plain(machineType ?? '')}, registers of ${processors} ${processors === 1 ? 'processor' : 'processors'}, ${vmcoreinfo ? 'with' : 'without'} VMCOREINFO`,
    ...segments.map(
      ({ address, length, block }) =>
        `  ${hex(address)} to ${hex(address + length - 1)}  ${formatBytes(length).padStart(9)}  ${plain(block)}`,
    ),
  ];
  return `${lines.join('\n')}\n`;
}

function hex(address: number): string {
  return `0x${address.toString(16).padStart(10, '0')}`;
}

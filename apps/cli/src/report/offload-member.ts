import type { DetectorCounters } from '@multifd/core';

/** What the accelerator's device has done; absent for one that does not count. */
export interface OffloadMember {
  /** Pages. */
  readonly device: number;
  readonly 'cpu-after-fault': number;
  /** Times. */
  readonly 'queue-full-retries': number;
  /** ms, of all batches and threads together. */
  readonly 'device-time': number;
}

export function offloadMember(counters: DetectorCounters | undefined): { readonly offload?: OffloadMember } {
  if (counters === undefined) return {};
  return {
    offload: {
      device: counters.device,
      'cpu-after-fault': counters.cpuAfterFault,
      'queue-full-retries': counters.queueFullRetries,
      'device-time': Math.round(counters.deviceTime),
    },
  };
}

/** One line; none for an accelerator that does not count. */
export function offloadLines(member: OffloadMember | undefined): readonly string[] {
  if (member === undefined) return [];
  const cpu = member['cpu-after-fault'];
  return [
    [
      `  offloaded: ${member.device} pages by the device`,
      cpu === 0 ? '' : `${cpu} on the CPU, as the device could not read them`,
      `${member['queue-full-retries']} tries at a full queue`,
      `${member['device-time']} ms with the device`,
    ]
      .filter((part) => part !== '')
      .join(', '),
  ];
}

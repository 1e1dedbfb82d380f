import { member } from '../member.js';
import type { DetectorCounters } from '../thread/offloaded.js';

/** Ten thousand years; threads add them up in whole µs. */
const MOST_MS = 3e14;
const NAMES = ['device', 'cpuAfterFault', 'queueFullRetries', 'deviceTime'] as const;

/** The first breach of the contract in a detector's counters; undefined if there is none. */
export function faultOfCounters(counters: unknown): string | undefined {
  for (const name of NAMES) {
    const value = member(counters, name);
    const isFit =
      typeof value === 'number' &&
      value >= 0 &&
      (name === 'deviceTime' ? value <= MOST_MS : Number.isSafeInteger(value));
    if (!isFit)
      return `counters().${name} must be a ${name === 'deviceTime' ? '' : 'whole '}number, 0 or more`;
  }
  return undefined;
}

export function isCounters(counters: unknown): counters is DetectorCounters {
  return faultOfCounters(counters) === undefined;
}

import { completeParameters, type SourceStatistics } from '@multifd/core';
import { type MigrateFacts, newFacts } from '../../src/report/migrate-document.js';

/** Of a migration that completed. */
export const STATISTICS: SourceStatistics = {
  totalTime: 812.4,
  setupTime: 40.2,
  downtime: 12.6,
  downtimeParts: { stop: 1.2, lastRound: 8.1, deviceState: 0.3, commit: 3 },
  expectedDowntime: 10,
  expectedEnd: 0,
  total: 2 ** 30,
  remaining: 0,
  transferred: 537_000_000,
  precopyBytes: 700,
  downtimeBytes: 300,
  multifdBytes: 536_999_000,
  normal: 131_072,
  normalBytes: 536_870_912,
  zeroPages: 131_072,
  zeroBytes: 536_870_912,
  pageSize: 4096,
  dirtySyncCount: 3,
  dirtyPagesRate: 1000,
  cpuThrottlePercentage: 0,
  stalledSince: undefined,
  pagesPerSecond: 320_000,
  mbps: 5288.129,
  channelBytes: [268_000_000, 268_999_000],
  offload: undefined,
};

/** All that `migrate` knows when it has completed and verified. */
export function facts(): MigrateFacts {
  const choice = {
    accelerator: { module: 'file:///js', name: 'js' },
    detail: 'portable',
    requested: 'auto',
    fallbacks: [],
    refused: [{ name: 'avx2', reason: 'no AVX2', fix: 'another CPU' }],
  };
  return {
    ...newFacts('demo:1G', 'loopback'),
    parameters: completeParameters(),
    choice,
    statistics: STATISTICS,
    completed: true,
    guest: { state: 'ran on', from: 10, to: 20 },
    cpuTime: { source: 700.7, destination: 650.2 },
    peakRss: { source: 2 ** 30, destination: 2 ** 29 },
    pageFaults: { source: 1000, destination: 2000 },
    allocated: { source: 2 ** 29, destination: null },
    huge: { source: 2 ** 28, destination: null },
    host: { requested: 'auto', name: 'host-linux', module: 'file:///host', refused: undefined },
    backing: 'auto',
    verify: true,
    verification: { algorithm: 'sha256', blocks: 2, bytes: 1_073_872_896, differences: [] },
  };
}

import type { SourceStatistics } from '@multifd/core';
import { onTestFinished } from 'vitest';
import { MigrationMonitor } from '../../src/monitor/migration-monitor.js';
import type { MigrationOrder, MonitorTarget } from '../../src/monitor/target.js';
import { QmpClient } from '../../src/qmp/client.js';
import { TestFolder } from './folder.js';

export const STATISTICS: SourceStatistics = {
  totalTime: 1000.4,
  setupTime: 100.4,
  downtime: undefined,
  downtimeParts: undefined,
  expectedDowntime: 7.2,
  expectedEnd: 10,
  total: 8192,
  remaining: 4096,
  transferred: 5000,
  precopyBytes: 90,
  downtimeBytes: 10,
  multifdBytes: 4900,
  normal: 1,
  normalBytes: 4096,
  zeroPages: 1,
  zeroBytes: 4096,
  pageSize: 4096,
  dirtySyncCount: 2,
  dirtyPagesRate: 3.2,
  pagesPerSecond: 11.7,
  mbps: 1.2345,
  cpuThrottlePercentage: 30,
  stalledSince: undefined,
  channelBytes: [4900],
  offload: undefined,
};

/** A monitor with a migration that does nothing but note what it is told. */
export async function monitored(changes: Partial<MonitorTarget> = {}) {
  const folder = new TestFolder();
  onTestFinished(() => folder[Symbol.dispose]());
  const path = folder.file('qmp');
  const told: unknown[] = [];
  const target: MonitorTarget = {
    package: 'multifd test',
    methods: ['none', 'zstd'],
    parameters: {
      'throttle-trigger-threshold': 50,
      'cpu-throttle-initial': 20,
      'cpu-throttle-increment': 10,
      'max-cpu-throttle': 99,
      'multifd-channels': 2,
      'multifd-compression': 'none',
      'zero-page-detection': 'multifd',
      'max-bandwidth': 0,
      'downtime-limit': 300,
    },
    returnPath: true,
    autoConverge: false,
    migrate: (order: MigrationOrder) => void told.push(order),
    change: (values) => void told.push(values),
    cancel: () => void told.push('cancel'),
    quit: () => void told.push('quit'),
    statistics: () => STATISTICS,
    runState: () => ({ running: true, status: 'running' }),
    ...changes,
  };
  const monitor = await MigrationMonitor.listen({ path }, target);
  onTestFinished(() => monitor.close());
  const client = async (): Promise<QmpClient> => {
    const opened = await QmpClient.connect({ path });
    onTestFinished(() => opened.close());
    return opened;
  };
  return { path, monitor, told, client, target };
}

import type { MigrationStatus, SourceStatistics } from '@multifd/core';

/** What a monitor knows of its migration. */
export interface MigrationKnown {
  readonly status: MigrationStatus;
  /** Of a source. */
  readonly statistics: SourceStatistics | undefined;
  /** Why it failed. */
  readonly errorDesc: string | undefined;
}

/** Answer of `query-migrate` (QEMU's MigrationInfo): empty before a migration, as QEMU's. */
export function migrationInfo({ status, statistics, errorDesc }: MigrationKnown): object {
  if (status === 'none') return {};
  const error = errorDesc === undefined ? {} : { 'error-desc': errorDesc };
  if (statistics === undefined) return { status, ...error };
  const { totalTime, setupTime, downtime, expectedDowntime } = statistics;
  const throttle = statistics.cpuThrottlePercentage;
  const answer = {
    status,
    ...error,
    'total-time': Math.round(totalTime),
    // As QEMU has it: only while the guest is held.
    ...(throttle > 0 && status === 'active' ? { 'cpu-throttle-percentage': throttle } : {}),
  };
  if (status === 'setup') return answer;
  return {
    ...answer,
    'setup-time': Math.round(setupTime),
    ...(downtime === undefined ? {} : { downtime: Math.round(downtime) }),
    ...(downtime !== undefined || expectedDowntime === undefined
      ? {}
      : { 'expected-downtime': Math.round(expectedDowntime) }),
    ram: ramAnswer(statistics),
  };
}

/** QEMU's MigrationStats, and the counters of the series that it never had: `zero-pages` and `zero-bytes`. Bytes, pages. */
export interface RamAnswer {
  readonly total: number;
  readonly transferred: number;
  readonly remaining: number;
  readonly normal: number;
  readonly 'normal-bytes': number;
  /** Zero pages, under the name that QEMU has for them. */
  readonly duplicate: number;
  readonly 'zero-pages': number;
  readonly 'zero-bytes': number;
  readonly 'page-size': number;
  readonly mbps: number;
  readonly 'dirty-sync-count': number;
  readonly 'dirty-pages-rate': number;
  readonly 'pages-per-second': number;
  readonly 'multifd-bytes': number;
  /** On main, before and after the guest was stopped. */
  readonly 'precopy-bytes': number;
  readonly 'downtime-bytes': number;
  /** There is no postcopy and no zero copy here: QEMU has these members nevertheless, and typed clients expect them. */
  readonly 'postcopy-bytes': 0;
  readonly 'postcopy-requests': 0;
  readonly 'dirty-sync-missed-zero-copy': 0;
}

/** Member `ram` of the answer of `query-migrate`. */
export function ramAnswer(statistics: SourceStatistics): RamAnswer {
  return {
    total: statistics.total,
    transferred: statistics.transferred,
    remaining: statistics.remaining,
    normal: statistics.normal,
    'normal-bytes': statistics.normalBytes,
    duplicate: statistics.zeroPages,
    'zero-pages': statistics.zeroPages,
    'zero-bytes': statistics.zeroBytes,
    'page-size': statistics.pageSize,
    mbps: Math.round(statistics.mbps * 100) / 100,
    'dirty-sync-count': statistics.dirtySyncCount,
    'dirty-pages-rate': Math.round(statistics.dirtyPagesRate),
    'pages-per-second': Math.round(statistics.pagesPerSecond),
    'multifd-bytes': statistics.multifdBytes,
    'precopy-bytes': statistics.precopyBytes,
    'downtime-bytes': statistics.downtimeBytes,
    'postcopy-bytes': 0,
    'postcopy-requests': 0,
    'dirty-sync-missed-zero-copy': 0,
  };
}

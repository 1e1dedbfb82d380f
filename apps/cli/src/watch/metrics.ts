import type { DestinationStatistics, MigrationStatus, SourceStatistics } from '@multifd/core';
import { version } from '../version.js';
import type { Known } from './known.js';

const STATUSES: readonly MigrationStatus[] = [
  'none',
  'setup',
  'active',
  'device',
  'completed',
  'failed',
  'cancelling',
  'cancelled',
];

/** A metric and its values. What is not known yet (undefined) has no sample. */
interface Metric {
  readonly name: string;
  readonly help: string;
  readonly kind: 'counter' | 'gauge';
  readonly samples: readonly Sample[];
}

interface Sample {
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number | undefined;
}

/** What is known of a migration, as Prometheus wants it: seconds, bytes, ratios. Each end has what it counts itself. */
export function metrics(known: Known): readonly Metric[] {
  return [
    several('gauge', 'info', 'The command and its version.', [
      { labels: { command: known.command, version: version() }, value: 1 },
    ]),
    several(
      'gauge',
      'migration_status',
      "Which of QEMU's states the migration is in: 1, the others 0.",
      STATUSES.map((status) => ({ labels: { status }, value: known.status === status ? 1 : 0 })),
    ),
    counter('warnings_total', 'Warnings of the engine.', known.warnings),
    ...(known.command === 'migrate'
      ? []
      : [counter('refused_connections_total', 'Connections that were turned away.', known.refused)]),
    ...(known.source === undefined ? [] : ofSource(known.source, known.isOver)),
    ...(known.destination === undefined ? [] : ofDestination(known.destination)),
  ].filter(({ samples }) => samples.some(({ value }) => value !== undefined));
}

/** @param isOver the last figures stay, but none that says how it goes on, or how the guest fares now. */
function ofSource(statistics: SourceStatistics, isOver: boolean): readonly Metric[] {
  const parts = statistics.downtimeParts;
  return [
    ...ofRam(statistics),
    counter('ram_transferred_bytes_total', 'Bytes written to all connections.', statistics.transferred),
    gauge('ram_remaining_bytes', 'Bytes not yet sent, or dirty again.', statistics.remaining),
    several(
      'counter',
      'channel_bytes_total',
      'Bytes written to each channel.',
      statistics.channelBytes.map((value, channel) => ({ labels: { channel: `${channel}` }, value })),
    ),
    counter(
      'dirty_sync_count_total',
      'Looks at the dirty bitmap; the setup counts as the first.',
      statistics.dirtySyncCount,
    ),
    gauge(
      'dirty_pages_rate',
      'Pages a second that the guest dirtied in the last round.',
      statistics.dirtyPagesRate,
    ),
    gauge(
      'pages_per_second',
      'Pages a second sent or found zero, in the last round.',
      statistics.pagesPerSecond,
    ),
    gauge(
      'throughput_bytes_per_second',
      'Bytes a second written to all connections, in the last round.',
      (statistics.mbps * 1e6) / 8,
    ),
    gauge('setup_seconds', 'From the start to the first round.', seconds(statistics.setupTime)),
    gauge(
      'expected_end_seconds',
      'Time until all is sent; absent while none is in sight.',
      isOver ? undefined : seconds(statistics.expectedEnd),
    ),
    gauge(
      'expected_downtime_seconds',
      'How long the guest would stand still if it were stopped now.',
      isOver ? undefined : seconds(statistics.expectedDowntime),
    ),
    gauge(
      'downtime_seconds',
      'How long the guest stood still, once completed.',
      seconds(statistics.downtime),
    ),
    several(
      'gauge',
      'downtime_part_seconds',
      'What the downtime consists of.',
      parts === undefined
        ? []
        : [
            { labels: { part: 'stop' }, value: parts.stop / 1000 },
            { labels: { part: 'last-round' }, value: parts.lastRound / 1000 },
            { labels: { part: 'device-state' }, value: parts.deviceState / 1000 },
            { labels: { part: 'commit' }, value: parts.commit / 1000 },
          ],
    ),
    gauge(
      'cpu_throttle_ratio',
      "Share of the time that auto-converge holds the guest's processors.",
      isOver ? 0 : statistics.cpuThrottlePercentage / 100,
    ),
    gauge(
      'stalled_seconds',
      'How long the guest has dirtied memory as fast as it moves.',
      isOver || statistics.stalledSince === undefined
        ? 0
        : seconds(statistics.totalTime - statistics.stalledSince),
    ),
  ];
}

function ofDestination(statistics: DestinationStatistics): readonly Metric[] {
  return [
    ...ofRam(statistics),
    counter('ram_received_bytes_total', 'Bytes read from all connections.', statistics.received),
    counter(
      'ram_untouched_pages_total',
      'Zero pages that came first in fresh memory, and cost none.',
      statistics.untouchedPages,
    ),
  ];
}

/** What both ends count. */
function ofRam(statistics: SourceStatistics | DestinationStatistics): readonly Metric[] {
  return [
    gauge('ram_size_bytes', 'Bytes of all RAM blocks.', statistics.total),
    gauge('ram_page_size_bytes', 'Bytes of a page.', statistics.pageSize),
    counter('ram_normal_pages_total', 'Pages with content, repeats counted.', statistics.normal),
    counter('ram_zero_pages_total', "Zero pages (QEMU's duplicate), repeats counted.", statistics.zeroPages),
    counter(
      'ram_multifd_bytes_total',
      'Bytes of the channels, init packets and headers included.',
      statistics.multifdBytes,
    ),
    gauge('elapsed_seconds', 'Time that the migration has taken.', seconds(statistics.totalTime)),
  ];
}

function seconds(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : ms / 1000;
}

function counter(name: string, help: string, value: number): Metric {
  return several('counter', name, help, [{ value }]);
}

function gauge(name: string, help: string, value: number | undefined): Metric {
  return several('gauge', name, help, [{ value }]);
}

function several(kind: Metric['kind'], name: string, help: string, samples: readonly Sample[]): Metric {
  return { name: `multifd_${name}`, help, kind, samples };
}

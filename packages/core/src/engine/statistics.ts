import type { DetectorCounters } from '../thread/offloaded.js';

/** Numbers of a migration as the source knows them; names after QEMU's MigrationInfo and MigrationStats. */
export interface SourceStatistics {
  /** ms since `migrate` was called, until completion (a report that was asked for is not waited for here). */
  readonly totalTime: number;
  /** ms from the call until the first round. */
  readonly setupTime: number;
  /** ms that the guest stood still; undefined until completion. */
  readonly downtime: number | undefined;
  /** What the downtime consists of; undefined while that is. */
  readonly downtimeParts: DowntimeParts | undefined;
  /** ms that it would stand still if it were stopped now; undefined before a rate is known. */
  readonly expectedDowntime: number | undefined;
  /**
   * ms until all of it would be sent at the pace of the last round, with what the guest dirties meanwhile; undefined
   * before a rate is known, and while the guest dirties memory as fast as it moves. 0 once completed.
   */
  readonly expectedEnd: number | undefined;
  /** Bytes of all RAM blocks. */
  readonly total: number;
  /** Bytes not yet sent, or dirty again. */
  readonly remaining: number;
  /** Bytes written to all connections. */
  readonly transferred: number;
  /** Bytes written to main until the guest was stopped, and from then on: with `multifdBytes` all of `transferred`. */
  readonly precopyBytes: number;
  readonly downtimeBytes: number;
  /** Bytes written to the channels, init packets and headers included. */
  readonly multifdBytes: number;
  /** Pages sent with content, and their bytes before compression. */
  readonly normal: number;
  readonly normalBytes: number;
  /** Pages found zero (QEMU's `duplicate`), counted where they were found, and the bytes they stand for. */
  readonly zeroPages: number;
  readonly zeroBytes: number;
  /** Bytes. */
  readonly pageSize: number;
  /** Looks at the dirty bitmap; the setup counts as the first. */
  readonly dirtySyncCount: number;
  /** Pages a second that the guest dirtied in the last round; 0 once it is over. */
  readonly dirtyPagesRate: number;
  /** Pages a second handled (sent or found zero): over the last round, in the end over all of it but the setup. */
  readonly pagesPerSecond: number;
  /** Megabits a second: over the last round, in the end over all of it but the setup. */
  readonly mbps: number;
  /**
   * Percent of the time that `autoConverge` has held the guest's processors, as of its last word; 0: they ran at full
   * speed.
   */
  readonly cpuThrottlePercentage: number;
  /** `totalTime` at the end of the first of the rounds in a row that stalled; undefined: the last one did not. */
  readonly stalledSince: number | undefined;
  /** Each channel's bytes. */
  readonly channelBytes: readonly number[];
  /**
   * What the accelerator's device has done, in all threads, as of each thread's last sync; undefined: the accelerator does
   * not count.
   */
  readonly offload: DetectorCounters | undefined;
}

/** Parts of a downtime, in ms, in the order in which they come. They add up to it. */
export interface DowntimeParts {
  /**
   * `Guest.stop`, the last look at the dirty bitmap, and the device state; of a guest that `limitAction` has suspended also
   * the rest of the round that was under way.
   */
  readonly stop: number;
  /** The last round. */
  readonly lastRound: number;
  /** `Guest.intact`, and sending the device state. */
  readonly deviceState: number;
  /** Until the destination has answered: what is on its way, its device state, its `commit`. */
  readonly commit: number;
}

/** Figures of one round. */
export interface RoundStatistics {
  /** From 1, which goes over all RAM. */
  readonly round: number;
  /** ms. */
  readonly duration: number;
  /** Pages sent or found zero. */
  readonly pages: number;
  /** Bytes written to all connections. */
  readonly bytes: number;
  /** Pages that the guest dirtied meanwhile: what the next round has to do. */
  readonly dirtiedPages: number;
  /** The same in bytes a second. */
  readonly dirtyRate: number;
  /** Bytes of memory a second that moved, zero pages included. */
  readonly rate: number;
  /** ms that the guest would stand still if it were stopped now; undefined before a rate is known. */
  readonly expectedDowntime: number | undefined;
  /** See `SourceStatistics`. */
  readonly stalledSince: number | undefined;
  /** See `SourceStatistics`. */
  readonly cpuThrottlePercentage: number;
}

/** Numbers of a migration as the destination knows them. */
export interface DestinationStatistics {
  /** ms from the source's first connection until completion. */
  readonly totalTime: number;
  /** Bytes of all RAM blocks. */
  readonly total: number;
  /** Bytes read from all connections. */
  readonly received: number;
  readonly multifdBytes: number;
  readonly normal: number;
  readonly normalBytes: number;
  readonly zeroPages: number;
  readonly zeroBytes: number;
  /** First-time zero pages in fresh memory, which were not touched. */
  readonly untouchedPages: number;
  readonly pageSize: number;
}

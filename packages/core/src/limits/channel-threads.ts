import { availableParallelism } from 'node:os';

/**
 * How many threads serve one side's channels: one each, but not more than there are processors if they can share. A
 * thread costs 40 to 70 ms of CPU time to start, and what it runs is compiled anew in each.
 * @param share whether a thread can serve several channels.
 */
export function channelThreads(
  channels: number,
  share: boolean,
  processors: number = availableParallelism(),
): number {
  return share ? Math.max(1, Math.min(channels, processors)) : channels;
}

/** The channels of each thread. @param threads from `channelThreads`. */
export function channelsOfThreads(channels: number, threads: number): readonly (readonly number[])[] {
  const all = Array.from({ length: channels }, (_, channel) => channel);
  return Array.from({ length: threads }, (_, thread) =>
    all.filter((channel) => channel % threads === thread),
  );
}

/** Of rows of counters, those whose jobs share a thread: row 0 is main's, row `channel + 1` a channel's. */
export function rowsTogether(channels: number, threads: number): (row: number) => readonly number[] {
  const all = channelsOfThreads(channels, threads).map((each) => each.map((channel) => channel + 1));
  return (row) => all.find((rows) => rows.includes(row)) ?? [row];
}

import type {
  AcceleratorReplacement,
  DestinationStatistics,
  MigrationParameters,
  SourceStatistics,
} from '@multifd/core';
import { formatBytes, formatTime, plain } from './format.js';

/** Characters of the bar. */
const BAR = 30;

/** How much of the whole is where it belongs, drawn. @param share what is not from 0 to 1 is drawn as the nearer of them. */
export function bar(share: number): string {
  const drawn = Math.min(Math.max(share, 0), 1);
  const done = Math.floor(BAR * drawn);
  return `[${'='.repeat(done)}${' '.repeat(BAR - done)}] ${Math.floor(100 * drawn)}%`;
}

/**
 * Two progress lines of a running migration, the first with a bar, without line end; they fit 80 columns.
 * @param channels what `ChannelRates` says of them: a third line.
 */
export function progressLine(statistics: SourceStatistics, stalled: boolean, channels = ''): string {
  const { dirtySyncCount, transferred, remaining, total, mbps, normal, zeroPages, expectedEnd } = statistics;
  const handled = normal + zeroPages;
  const share = handled === 0 ? 0 : Math.round((100 * zeroPages) / handled);
  const end = expectedEnd === undefined ? '' : `, end in ${formatTime(expectedEnd)}`;
  const whole = total === 0 ? 0 : 1 - remaining / total;
  const lines = [
    `${bar(whole)}, left ${formatBytes(remaining)}${stalled ? ', no end in sight' : end}`,
    `round ${dirtySyncCount}, sent ${formatBytes(transferred)}, ${formatBytes((mbps * 1e6) / 8)}/s, ${share}% zero`,
    channels,
  ];
  return lines.filter((line) => line !== '').join('\n');
}

/** The progress lines of a source. */
export class SourceProgress {
  readonly #channels: ChannelRates | undefined;
  #stalledRound: number | undefined;

  /** @param verbose with the rate of each channel. */
  constructor(verbose = false) {
    this.#channels = verbose ? new ChannelRates() : undefined;
  }

  /** A round has stalled. @returns whether it is the first one. */
  stalled({ dirtySyncCount }: SourceStatistics): boolean {
    const isFirst = this.#stalledRound === undefined;
    this.#stalledRound = dirtySyncCount;
    return isFirst;
  }

  /** Call it as events come. */
  line(statistics: SourceStatistics): string {
    // A round that stalled is told when it is over: the round after it counts as stalled until it is over too.
    const stalled = this.#stalledRound !== undefined && statistics.dirtySyncCount <= this.#stalledRound + 1;
    return progressLine(statistics, stalled, this.#channels?.line(statistics));
  }
}

/** Each channel's rate over the last second, for `-v`. */
export class ChannelRates {
  readonly #seen: { readonly at: number; readonly bytes: readonly number[] }[] = [];

  /** Call it as events come. @returns empty before there is a rate. */
  line({ totalTime, channelBytes }: SourceStatistics): string {
    this.#seen.push({ at: totalTime, bytes: channelBytes });
    while (this.#seen.length > 2 && totalTime - (this.#seen[1]?.at ?? totalTime) >= WINDOW)
      this.#seen.shift();
    const [{ at, bytes: before } = { at: totalTime, bytes: [] }] = this.#seen;
    if (totalTime <= at) return '';
    const rates = channelBytes.map((bytes, channel) => {
      const rate = (1000 * (bytes - (before[channel] ?? 0))) / (totalTime - at);
      return `${channel}: ${formatBytes(rate)}/s`;
    });
    return `channels ${rates.join(', ')}`;
  }
}

/** ms over which a rate is taken. */
const WINDOW = 1000;

/** The progress line of a destination, or of a relay. */
export class ArrivalProgress {
  readonly #verb: string;
  /** Of the last second, the oldest first. */
  readonly #seen: { readonly at: number; readonly received: number }[] = [];

  /** @param verb what happens to the bytes: `received`, `relayed`. */
  constructor(verb: string) {
    this.#verb = verb;
  }

  /** Without line end; it usually fits 80 columns. Call it as events come: the rate is that of the last second. */
  line({ totalTime, total, received, normal, zeroPages, pageSize }: DestinationStatistics): string {
    this.#seen.push({ at: totalTime, received });
    while (this.#seen.length > 2 && totalTime - (this.#seen[1]?.at ?? totalTime) >= WINDOW)
      this.#seen.shift();
    const [{ at, received: before } = { at: 0, received: 0 }] = this.#seen;
    const handled = normal + zeroPages;
    const percent = total === 0 ? 0 : Math.floor((100 * handled * pageSize) / total);
    const parts = [
      `${this.#verb} ${formatBytes(received)}`,
      totalTime > at ? `${formatBytes((1000 * (received - before)) / (totalTime - at))}/s` : '',
      handled === 0 ? '' : `${Math.round((100 * zeroPages) / handled)}% zero`,
      total === 0 ? '' : `${percent}% of ${formatBytes(total)}`,
      percent > 100 ? 'pages come again' : '',
    ];
    return parts.filter((part) => part !== '').join(', ');
  }
}

/** What can end a migration that does not converge. */
export type StallEnders = Pick<MigrationParameters, 'autoConverge' | 'maxRounds' | 'timeout'>;

/** What to say, once, when the guest writes faster than its memory moves. */
export function stalledNote(
  { dirtyPagesRate, pageSize, mbps }: SourceStatistics,
  { autoConverge, maxRounds, timeout }: StallEnders,
): string {
  const dirty = formatBytes(dirtyPagesRate * pageSize);
  const rate = formatBytes((mbps * 1e6) / 8);
  const fact = `the guest dirties memory (${dirty}/s) as fast as it moves (${rate}/s)`;
  if (autoConverge) return `${fact}: --auto-converge slows it down`;
  const limit = maxRounds > 0 ? '--max-rounds' : '--timeout';
  if (maxRounds > 0 || timeout > 0) return `${fact}: ${limit} will end this`;
  return (
    `${fact}: this will not end by itself. Raise --max-bandwidth, use more --channels, slow the guest down ` +
    '(--auto-converge), allow a longer --downtime-limit, or stop with Ctrl-C'
  );
}

/** `--auto-converge` has slowed the guest down. */
export function throttledNote(percent: number): string {
  return `the guest is slowed down: its processors stand still for ${percent}% of the time`;
}

/** An accelerator that `auto` had chosen failed in the middle. */
export function replacedNote({ failed, reason, by }: AcceleratorReplacement): string {
  return `warning: accelerator ${failed} failed, ${by.name} replaces it: ${plain(reason)}`;
}

import type { RoundStatistics } from '@multifd/core';
import { migrationInfo, ramAnswer } from '@multifd/qemu';
import { receivedRam } from '../report/receive-document.js';
import type { EngineEvent, Known } from './known.js';
import type { Watcher } from './watcher.js';

/** ms between two lines. */
const INTERVAL = 250;

/** `--progress json`: a JSON document on a line of its own, each 250 ms and at each change of status, until the migration is over. */
export class ProgressLines implements Watcher {
  readonly #known: Known;
  readonly #write: (line: string, must: boolean) => void;
  #timer: NodeJS.Timeout | undefined;

  /** @param write takes a line; `must`: it is not to be lost, even if nobody reads at the moment. */
  constructor(known: Known, write: (line: string, must: boolean) => void) {
    this.#known = known;
    this.#write = write;
  }

  onEvent(event: EngineEvent): void {
    if (event.type !== 'status') return;
    this.#timer ??= setInterval(() => this.#tell(false), INTERVAL).unref();
    if (this.#known.isOver) this.#stop();
    this.#tell(true);
  }

  end(errorDesc: string | undefined): void {
    this.#stop();
    // The reason comes behind the status. Before there is one, nothing is watched yet.
    if (errorDesc !== undefined && this.#known.status !== 'none') this.#tell(true);
  }

  #stop(): void {
    clearInterval(this.#timer);
  }

  #tell(must: boolean): void {
    this.#write(JSON.stringify(progressDocument(this.#known, new Date())), must);
  }
}

/** What a line says: the answer of `query-migrate` and what it does not have. Times in ms, sizes in bytes. */
export function progressDocument(known: Known, now: Date): object {
  const head = { time: now.toISOString(), command: known.command };
  if (known.command === 'migrate') return { ...head, ...ofSource(known) };
  const { status, errorDesc, destination } = known;
  return {
    ...head,
    status,
    ...(errorDesc === undefined ? {} : { 'error-desc': errorDesc }),
    ...(destination === undefined
      ? {}
      : { 'total-time': Math.round(destination.totalTime), ram: receivedRam(destination) }),
  };
}

function ofSource({ status, source, errorDesc, round, isOver }: Known): object {
  const info = migrationInfo({ status, statistics: source, errorDesc });
  // As QEMU's, the answer has no counters before the setup is over.
  if (source === undefined || !('ram' in info)) return info;
  return {
    ...info,
    ...(isOver || source.expectedEnd === undefined ? {} : { 'expected-end': Math.round(source.expectedEnd) }),
    ram: { ...ramAnswer(source), 'channel-bytes': source.channelBytes },
    ...(round === undefined ? {} : { round: roundMember(round) }),
  };
}

/** A round that is over. Also what `--trace` says of it. */
export function roundMember(round: RoundStatistics): object {
  const { expectedDowntime, stalledSince } = round;
  return {
    round: round.round,
    duration: Math.round(round.duration),
    pages: round.pages,
    bytes: round.bytes,
    'dirtied-pages': round.dirtiedPages,
    'dirty-rate': Math.round(round.dirtyRate),
    rate: Math.round(round.rate),
    ...(expectedDowntime === undefined ? {} : { 'expected-downtime': Math.round(expectedDowntime) }),
    ...(stalledSince === undefined ? {} : { 'stalled-since': Math.round(stalledSince) }),
    'cpu-throttle-percentage': round.cpuThrottlePercentage,
  };
}
